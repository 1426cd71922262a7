"""Prices as buckets of their logarithm, the same for every domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_metarec.domains.cells import first_line
from recbole_metarec.features.features import Values
from recbole_metarec.features.modalities.base import Modality
from recbole_metarec.settings.features import FeatureSettings

N_BUCKETS = 32
# Two buckets for each doubling, from a quarter upwards: the last one begins at about 8,200.
PER_DOUBLING, LOWEST = 2, 0.25


class Price(Modality):
    """Buckets of an item's price."""

    n_categories = N_BUCKETS

    @classmethod
    def columns(cls, settings: FeatureSettings) -> Sequence[str]:
        """See `Modality`."""
        return [] if settings.price_field is None else [settings.price_field]

    @classmethod
    def problems(cls, settings: FeatureSettings, cells: pd.DataFrame) -> Iterator[str]:
        """See `Modality`; a price is 0 or more."""
        for column in cls.columns(settings):
            prices = _numbers(cells[column])
            bad = ~np.isnan(prices) & ~((prices >= 0) & np.isfinite(prices))
            if bad.any():
                line = first_line(pd.Series(bad, index=cells.index))
                yield f"line {line}: {column} {prices[bad][0]} must be 0 or more"

    def values(self, domain: str, cells: pd.DataFrame) -> Values:
        """See `Modality`."""
        prices = np.full(len(cells), np.nan)
        for column in self.columns(self.settings):
            prices = _numbers(cells[column])
        buckets = price_buckets(prices)
        return Values(buckets, buckets > 0)


def _numbers(cells: pd.Series) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    return numbers


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
