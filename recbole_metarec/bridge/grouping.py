"""Rows by the value of a key, in linear time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_metarec.domains.sorting import sort_ids

Rows = npt.NDArray[np.int64]


class Groups:
    """Rows by the value of a key, in RecBole's order: groups by first appearance, rows as they come.

    Parameters
    ----------
    keys : int array, shape (n,)
    """

    def __init__(self, keys: npt.NDArray[np.int64]) -> None:
        codes = pd.factorize(keys)[0].astype(np.int32)
        self.rows: Rows = sort_ids(codes)
        self.lengths = np.bincount(codes)

    def __iter__(self) -> Iterator[Rows]:
        ends = np.cumsum(self.lengths)
        return (self.rows[end - length : end] for end, length in zip(ends, self.lengths, strict=True))

    def leave_out(self, n_parts: int) -> list[Rows]:
        """Split off the last rows of each group, one for each part, but never a group's first.

        Parameters
        ----------
        n_parts : int
            Number of parts of one row.

        Returns
        -------
        list of int array
            What is left, then the parts.
        """
        ends, left, parts = np.cumsum(self.lengths), np.ones(len(self.rows), dtype=bool), []
        for back in range(n_parts, 0, -1):
            rows = ends[self.lengths > back] - back
            parts.append(self.rows[rows])
            left[rows] = False
        return [self.rows[left], *parts]
