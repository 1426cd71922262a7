"""Paired comparison of two models over the same test targets and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
    of_seeds : tuple of float
        The change of each seed.
    """

    relative: float
    low: float
    high: float
    p: float
    of_seeds: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """``helps`` or ``hurts`` if the whole interval lies on one side of 0, else ``no clear difference``.

        The interval of one seed knows nothing of how much training itself varies: then it is ``ahead in one seed`` or
        ``behind in one seed``.
        """
        if not (self.low > 0 or self.high < 0):
            return "no clear difference"
        if len(self.of_seeds) == 1:
            return "ahead in one seed" if self.low > 0 else "behind in one seed"
        return "helps" if self.low > 0 else "hurts"


def paired_bootstrap(
    a: Floats, b: Floats, samples: int, seed: int, users: npt.NDArray[np.int64] | None = None
) -> Change:
    """Resample users and seeds, and compare the means of a metric of two models.

    In each resample as many users and as many seeds as there are are drawn with replacement, a user with all of his or
    her targets, both models with the same (percentile method of the two-way cluster bootstrap; Efron 1979, Owen, The
    Pigeonhole Bootstrap, Annals of Applied Statistics 2007). Few seeds make the interval rather too narrow.

    Parameters
    ----------
    a, b : float64 array, shape (n_rows,) or (n_seeds, n_rows)
        A metric of each test target under the model and under the reference.
    samples : int
        Number of resamples.
    seed : int
        Seed of the resampling.
    users : int64 array, shape (n_rows,), optional
        Number of the user of each row, from 0; every row is another user without it.

    Returns
    -------
    Change

    Raises
    ------
    ValueError
        If the two differ in shape.
    """
    if a.shape != b.shape:
        raise ValueError(f"paired metrics must cover the same rows, got shapes {a.shape} and {b.shape}")
    sums_SU, reference_SU = _by_user(a, users), _by_user(b, users)
    of_seeds = tuple(_ratio(ours, theirs) for ours, theirs in zip(sums_SU.sum(1), reference_SU.sum(1), strict=True))
    relative = _ratio(sums_SU.sum(), reference_SU.sum())
    if np.isnan(relative):
        return Change(np.nan, np.nan, np.nan, np.nan, of_seeds)
    if np.array_equal(sums_SU, reference_SU):
        return Change(0.0, 0.0, 0.0, 1.0, of_seeds)
    ours, theirs = _resampled_sums(sums_SU, reference_SU, samples, np.random.default_rng(seed))
    changes = np.array([_ratio(x, y) for x, y in zip(ours, theirs, strict=True)])
    changes = changes[~np.isnan(changes)]
    low, high = map(float, np.quantile(changes, (0.025, 0.975)))
    rarer = min(float((changes <= 0).mean()), float((changes >= 0).mean()))
    return Change(relative, low, high, min(1.0, 2 * max(rarer, 0.5 / samples)), of_seeds)


def _by_user(values: Floats, users: npt.NDArray[np.int64] | None) -> Floats:
    """Add up the rows of each user, shape (n_seeds, n_users)."""
    values = np.atleast_2d(values)
    if users is None:
        return values
    return np.stack([np.bincount(users, weights=of_seed) for of_seed in values])


def _ratio(value: float, reference: float) -> float:
    return float(value / reference - 1) if reference else float("nan")


def _resampled_sums(a_SU: Floats, b_SU: Floats, samples: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the sums over drawn users and seeds, shape (samples,) each.

    Users for whom both models find nothing add nothing: only how many of the others are drawn is.
    """
    n_seeds, n_users = a_SU.shape
    telling = np.flatnonzero((a_SU != 0).any(0) | (b_SU != 0).any(0))
    both_US = np.concatenate([a_SU[:, telling], b_SU[:, telling]]).T
    found = np.empty((2, samples))
    for sample, n_drawn in enumerate(rng.binomial(n_users, len(telling) / n_users, samples)):
        of_users = np.bincount(rng.integers(len(telling), size=n_drawn), minlength=len(telling)) @ both_US
        of_seeds = rng.integers(n_seeds, size=n_seeds)
        found[:, sample] = of_users.reshape(2, n_seeds)[:, of_seeds].sum(1)
    return found[0], found[1]


def mean_intervals(
    values: Floats, samples: int, seed: int, users: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.float64]:
    """Resample users, and find the 95% intervals of the means of metrics.

    In each resample as many users as there are are drawn with replacement, a user with all of his or her targets
    (percentile method). Users who are alike are drawn together, which is the same and takes less time.

    Parameters
    ----------
    values : float64 array, shape (n_rows, n_metrics)
        Metrics of each test target; at least one.
    samples : int
        Number of resamples.
    seed : int
        Seed of the resampling.
    users : int64 array, shape (n_rows,), optional
        Number of the user of each row, from 0; every row is another user without it.

    Returns
    -------
    float64 array, shape (n_metrics, 2)
        Lower and upper bound of each.
    """
    with_count = np.c_[values, np.ones(len(values))]
    of_users = _by_user(with_count.T, users).T
    kinds, sizes = np.unique(of_users, axis=0, return_counts=True)
    rng, share = np.random.default_rng(seed), sizes / sizes.sum()
    sums = np.stack([rng.multinomial(sizes.sum(), share) @ kinds for _ in range(samples)])
    return np.quantile(sums[:, :-1] / sums[:, -1:], (0.025, 0.975), axis=0).T


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
