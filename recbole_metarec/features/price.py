"""Prices as buckets of their logarithm, the same for every domain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

N_BUCKETS = 32
# Two buckets for each doubling, from a quarter upwards: the last one begins at about 8,200.
PER_DOUBLING, LOWEST = 2, 0.25


def price_buckets(prices: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Sort prices into buckets.

    Parameters
    ----------
    prices : float64 array, shape (n,)
        Not a number where there is none.

    Returns
    -------
    int64 array, shape (n,)
        From 1 to `N_BUCKETS`; 0 where there is none.
    """
    known = ~np.isnan(prices)
    steps = PER_DOUBLING * np.log2(np.where(known, np.maximum(prices, LOWEST), LOWEST) / LOWEST)
    buckets = np.clip(np.floor(steps + 1e-9).astype(np.int64) + 1, 1, N_BUCKETS)
    return np.where(known, buckets, 0)
