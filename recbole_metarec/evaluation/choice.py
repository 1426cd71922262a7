"""Choosing and ranking without reading noise: the simplest of what is as good as the best, weights that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import t

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


# Weights that are alike are called different so seldom.
_LEVEL = 0.05


def differ_clearly(history: Sequence[Mapping[str, float]]) -> bool:
    """Whether weights that are found anew each time differ by more than they vary.

    Parameters
    ----------
    history : sequence of mapping of str to float
        The same weights at one time after the other.

    Returns
    -------
    bool
        Whether the largest mean is clearly above the smallest: a paired t-test with Bonferroni's correction for all
        pairs of which these two might have been chosen. Not with fewer than 3 times.
    """
    if len(history) < 3 or len(history[0]) < 2:
        return False
    means = {name: np.mean([weights[name] for weights in history]) for name in history[0]}
    most, least = max(means, key=lambda name: means[name]), min(means, key=lambda name: means[name])
    gap_T = np.array([weights[most] - weights[least] for weights in history])
    apart = t.isf(_LEVEL / (len(means) * (len(means) - 1)), len(gap_T) - 1)
    return bool(gap_T.mean() > apart * gap_T.std(ddof=1) / np.sqrt(len(gap_T)))
