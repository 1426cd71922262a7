"""Paired comparison of two models over the same users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

Floats = npt.NDArray[np.float64]


class Change(NamedTuple):
    """Relative change of a metric's mean against a reference, with its interval.

    Attributes
    ----------
    relative : float
        ``mean(a) / mean(b) - 1``; NaN if the reference's mean is 0.
    low, high : float
        Bounds of the 95% interval.
    p : float
        Twice the share of resamples on the rarer side of no change; 1 over the number of resamples at least.
    """

    relative: float
    low: float
    high: float
    p: float

    @property
    def verdict(self) -> str:
        """``helps``, ``hurts`` or ``no clear difference``: on which side of 0 the whole interval lies."""
        if self.low > 0:
            return "helps"
        return "hurts" if self.high < 0 else "no clear difference"


def paired_bootstrap(a: Floats, b: Floats, samples: int, seed: int) -> Change:
    """Resample users and compare the means of two metrics of theirs.

    The bootstrap is over the users' differences, in units of the reference's mean (percentile method; Efron 1979).

    Parameters
    ----------
    a, b : float64 array, shape (n_users,)
        A metric of each user under the model and under the reference.
    samples : int
        Number of resamples.
    seed : int
        Seed of the resampling.

    Returns
    -------
    Change

    Raises
    ------
    ValueError
        If the two differ in shape.
    """
    if a.shape != b.shape:
        raise ValueError(f"paired metrics must cover the same users, got shapes {a.shape} and {b.shape}")
    difference, reference = a - b, float(b.mean())
    if reference == 0:
        return Change(np.nan, np.nan, np.nan, np.nan)
    low = high = mean = float(difference.mean())
    p = 1.0 if mean == 0 else 1 / samples
    if np.ptp(difference) > 0:
        found = bootstrap(
            (difference,),
            np.mean,
            n_resamples=samples,
            batch=max(1, 10_000_000 // len(difference)),
            method="percentile",
            rng=np.random.default_rng(seed),
        )
        low, high = map(float, found.confidence_interval)
        means = found.bootstrap_distribution
        p = min(1.0, 2 * max(min(float((means <= 0).mean()), float((means >= 0).mean())), 0.5 / samples))
    return Change(mean / reference, low / reference, high / reference, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of several comparisons (Holm, Scandinavian Journal of Statistics 1979).

    Parameters
    ----------
    p_values : sequence of float

    Returns
    -------
    list of float
        In the same order; rejecting those below a level keeps the chance of any false rejection below it.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
