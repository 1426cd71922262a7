"""The time of a request, as people write it."""

from __future__ import annotations

import math
import time
from datetime import date, datetime
from typing import Any

import numpy as np

from recbole_metarec.domains.clock import NAMES, PER_SECOND, Times, find_clock
from recbole_metarec.errors import UserError
from recbole_metarec.settings.dates import seconds_in_utc

At = float | int | str | date | None
"""Seconds since 1970, a date or time, or one as ISO text, UTC unless it says otherwise; ``None`` is now."""

# What has more digits is of another unit: to the year 2286, as `domains.clock` tells units.
_END = 1e10


def seconds_of(at: Any, key: str = "at") -> float:
    """Return a time as seconds since 1970.

    Parameters
    ----------
    at : At
    key : str
        What it is called, for the line of an error.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If it is no time.
    """
    if at is None:
        return time.time()
    if isinstance(at, str):
        try:
            at = float(at)
        except ValueError:
            at = _parse(at, key)
    if isinstance(at, datetime):
        return seconds_in_utc(at)
    if isinstance(at, date):
        return seconds_in_utc(datetime(at.year, at.month, at.day))
    try:
        found = float(at)
    except (TypeError, ValueError):
        found = math.nan
    if isinstance(at, bool) or not math.isfinite(found) or abs(found) >= _END:
        raise _no_time(at, key)
    return found


def unit_of(stamps: Times, asked: str, name: str) -> str | None:
    """Find the unit of timestamps, which may all be the same here.

    Parameters
    ----------
    stamps : float64 array, shape (n,)
    asked : str
        See `domains.clock.find_clock`.
    name : str
        What holds them, for the line of an error.

    Returns
    -------
    str, or None
        ``None`` if they only say what came first.

    Raises
    ------
    UserError
        If they are of several units, or one is too far away to be a time.
    """
    different = stamps if len(stamps) and stamps.min() < stamps.max() else np.append(stamps, stamps[:1] + 1)
    clock = find_clock(different, asked)
    if clock.problem:
        raise UserError([f"{name}: {clock.problem}"])
    if clock.unit is not None:
        far = np.abs(stamps) >= _END * PER_SECOND[clock.unit]
        if far.any():
            raise UserError([f"{name}: {stamps[far][0]:g} is no time in {NAMES[clock.unit]} since 1970; leave it out"])
    return clock.unit


def _parse(text: str, key: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise _no_time(text, key) from None


def _no_time(at: Any, key: str) -> UserError:
    return UserError([f"{key}={at}: is no time; write seconds since 1970, or 2014-07-01 or 2014-07-01T12:00"])
