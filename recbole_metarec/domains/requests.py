"""What is asked for: the next item after a history, at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]


class Requests(NamedTuple):
    """Histories as views of sequences that are stored once, and the times at which they are asked for what comes next.

    Attributes
    ----------
    items : int array, shape (n_interactions,)
        Item ids; those of request ``r`` are ``items[begin[r]:end[r]]``, oldest first.
    times : float64 array, shape (n_interactions,), or None
        Seconds since 1970 (UTC); ``None`` without a clock.
    begin, end : int64 array, shape (n_requests,)
    at : float64 array, shape (n_requests,), or None
        Times of the requests.
    """

    items: npt.NDArray[Any]
    times: npt.NDArray[np.float64] | None
    begin: Places
    end: Places
    at: npt.NDArray[np.float64] | None

    @property
    def size(self) -> int:
        """Number of requests."""
        return len(self.begin)

    def take(self, rows: npt.NDArray[Any] | slice) -> Requests:
        """Return some of the requests."""
        at = None if self.at is None else self.at[rows]
        return self._replace(begin=self.begin[rows], end=self.end[rows], at=at)

    def history(self) -> tuple[Places, Places]:
        """Return row and place in ``items`` of all that stands in the histories, shape (n,) each."""
        lengths = self.end - self.begin
        row = np.repeat(np.arange(self.size), lengths)
        return row, np.arange(len(row)) + np.repeat(self.end - np.cumsum(lengths), lengths)
