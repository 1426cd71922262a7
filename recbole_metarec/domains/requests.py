"""What is known when a recommendation is asked for: what the user had until then, and which items there are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.domains.clock import Days, Times, days

Places = npt.NDArray[np.int64]

NEVER = np.iinfo(np.int64).max
"""The day on which an item that nobody had was first had."""


class Requests(NamedTuple):
    """Requests for a recommendation, and the whole history before each as a view of sequences that are stored once.

    Attributes
    ----------
    items : int array, shape (n_interactions,)
        History ``r`` is ``items[begin[r]:end[r]]``, oldest first.
    times : float64 array, shape (n_interactions,), or None
        When each item was had, in seconds since 1970; ``None`` if nothing knows.
    begin, end : int64 array, shape (n_requests,)
    at : float64 array, shape (n_requests,), or None
        When each request is made.
    """

    items: npt.NDArray[Any]
    times: Times | None
    begin: Places
    end: Places
    at: Times | None

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


def first_days(items: npt.NDArray[Any], times: Times, n_items: int) -> Days:
    """Find the day on which each item was first had.

    Parameters
    ----------
    items : int array, shape (n,)
        From 1 to ``n_items``.
    times : float64 array, shape (n,)
        When each was had, in seconds since 1970.
    n_items : int

    Returns
    -------
    int64 array, shape (n_items + 1,)
        Days since 1970, `NEVER` for items that nobody had and for padding.
    """
    first = np.full(n_items + 1, NEVER)
    np.minimum.at(first, items, days(times))
    return first
