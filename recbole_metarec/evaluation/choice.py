"""Choosing on validation without reading noise: the simplest of what is as good as the best."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_metarec.evaluation.ranking import Floats


def standard_error(difference_N: Floats, users_N: npt.NDArray[np.int64]) -> float:
    """Compute the standard error of a mean over rows that are independent between users only.

    Parameters
    ----------
    difference_N : float64 array, shape (n_rows,)
    users_N : int64 array, shape (n_rows,)
        Number of each row's user, from 0.

    Returns
    -------
    float
        Of the cluster-robust estimate (Liang and Zeger, Biometrika 1986); infinite for fewer than two users.
    """
    n_users = int(users_N.max(initial=-1)) + 1
    if n_users < 2:
        return float("inf")
    sums_U = np.bincount(users_N, weights=difference_N - difference_N.mean())
    return float(np.sqrt((sums_U**2).sum() * n_users / (n_users - 1)) / len(difference_N))


def simplest_as_good(values_VN: Floats, users_N: npt.NDArray[np.int64]) -> int:
    """Return the first candidate whose mean lies within one standard error of the best one's.

    The one-standard-error rule (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3), with the
    error of the paired difference.

    Parameters
    ----------
    values_VN : float64 array, shape (n_candidates, n_rows)
        A metric of each row under each candidate, the simplest first; more is better.
    users_N : int64 array, shape (n_rows,)
        See `standard_error`.

    Returns
    -------
    int
    """
    best_N = values_VN[values_VN.mean(1).argmax()]
    for candidate, value_N in enumerate(values_VN):
        gap_N = best_N - value_N
        if not gap_N.any() or gap_N.mean() <= standard_error(gap_N, users_N):
            return candidate
    raise AssertionError("the best is as good as itself")
