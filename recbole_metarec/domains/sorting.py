"""Stable orders of ids in linear time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def sort_ids(ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return ``np.argsort(ids, kind="stable")`` for ids below 2**32: numpy sorts 16 bits at a time in linear time."""
    order = np.argsort(ids.astype(np.uint16), kind="stable")
    return order[np.argsort((ids >> 16).astype(np.uint16)[order], kind="stable")]


def exact_order(users: npt.NDArray[Any], times: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the rows by user, then by time; ties keep their order."""
    order = np.argsort(times, kind="stable")
    return order[sort_ids(users[order])]
