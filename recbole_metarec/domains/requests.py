"""What is known when a recommendation is asked for: what the user had until then, and which items there are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recbole_metarec.domains.clock import Days, Times, days
from recbole_metarec.domains.domain import Ints, Offsets

NEVER = np.iinfo(np.int64).max
"""The day on which an item that nobody had was first had."""


class Requests(NamedTuple):
    """Requests for a recommendation, and the whole history before each.

    Attributes
    ----------
    items : int32 array, shape (n,)
        The histories one behind the other, oldest first.
    times : float64 array, shape (n,), or None
        When each item was had, in seconds since 1970; ``None`` if nothing knows.
    offsets : int64 array, shape (n_requests + 1,)
        History ``r`` is ``items[offsets[r]:offsets[r + 1]]``.
    at : float64 array, shape (n_requests,), or None
        When each request is made, which is when its target is had.
    """

    items: Ints
    times: Times | None
    offsets: Offsets
    at: Times | None


def first_days(items: Ints, times: Times, n_items: int) -> Days:
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
