"""What is known of each item on the morning of a day: how often, since when and how lately it was had."""

# Shapes: W windows, I items (row 0 is padding), E events.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.domains.clock import Times, days

Days = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
WINDOWS = (3, 7, 30, 90, 365)
"""Lengths of the windows before a day, in days."""

_NEVER = np.iinfo(np.int32).max


def days_of(times: Times) -> Days:
    """Return the day since 1970 (UTC) of times in seconds, 32 bits wide."""
    return days(times).astype(np.int32)


class Morning(NamedTuple):
    """Items on the morning of a day: all that is counted lies on the days before.

    Attributes
    ----------
    counts : int64 array, shape (I,)
        Events until then.
    windows : int64 array, shape (W, I)
        Those of the last days; see `WINDOWS`.
    first, last : int32 array, shape (I,)
        Day of the first and of the last event of items that have one.
    """

    counts: Counts
    windows: Counts
    first: Days
    last: Days


class ItemCounts:
    """Events of items, to ask for any day; asked for later and later days it adds what is new, and no more.

    Parameters
    ----------
    items : int array, shape (E,)
        Item ids.
    days : int32 array, shape (E,)
        Day of each event.
    n_items : int
        Size of the catalogue.
    """

    def __init__(self, items: npt.NDArray[np.int32], days: Days, n_items: int) -> None:
        order = np.argsort(days, kind="stable")
        self.items, self.days, self.n_items = items[order], days[order], n_items
        self._day, self._begins, self._end, self._now = self._start()

    def morning(self, day: int) -> Morning:
        """Return what is known of each item on the morning of a day; it changes when the next is asked for."""
        if day < self._day:
            self._day, self._begins, self._end, self._now = self._start()
        end = int(np.searchsorted(self.days, day))
        new, days = self.items[self._end : end], self.days[self._end : end]
        counts, windows, first, last = self._now
        added = np.bincount(new, minlength=self.n_items + 1)
        counts += added
        first[new[::-1]] = np.minimum(first[new[::-1]], days[::-1])  # of an item's days the first is written last
        last[new] = days
        begins = np.searchsorted(self.days, day - np.array(WINDOWS))
        for window, begin, former in zip(windows, begins, self._begins, strict=True):
            window += added - np.bincount(self.items[former:begin], minlength=self.n_items + 1)
        self._day, self._begins, self._end = day, begins, end
        return self._now

    def _start(self) -> tuple[int, Counts, int, Morning]:
        size = self.n_items + 1
        nothing = Morning(
            np.zeros(size, np.int64),
            np.zeros((len(WINDOWS), size), np.int64),
            np.full(size, _NEVER, np.int32),
            np.full(size, -_NEVER, np.int32),
        )
        return -_NEVER, np.zeros(len(WINDOWS), np.int64), 0, nothing
