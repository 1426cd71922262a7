"""What timestamps are: seconds since 1970 in some unit, or positions that know no clock."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Days = npt.NDArray[np.int64]

DAY = 86_400
"""Seconds of a day."""

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

# Seconds since 1970 of what a magnitude is told by: 1973-03-03 to 2286-11-20.
_FIRST, _END = 1e8, 1e10
_FEWEST_DAYS = 10
# Share of small numbers from which on the others are no times either.
_NEARLY_ALL = 0.99


class Clock(NamedTuple):
    """What the timestamps of a file are.

    Attributes
    ----------
    unit : {"s", "ms", "us", "ns"} or None
        ``None`` if nothing knows the time.
    what : str
        In words, as in ``seconds, 2002-06-12 to 2014-07-22``.
    problem : str
        What is wrong, and what to write instead; empty if nothing is.
    warning : str
        What is odd; empty if nothing is.
    """

    unit: str | None
    what: str
    problem: str = ""
    warning: str = ""


def find_clock(times: Times, asked: str = "auto", now: float | None = None) -> Clock:
    """Recognise what timestamps are, by their magnitude.

    Parameters
    ----------
    times : float64 array, shape (n,)
        As they stand in the file.
    asked : {"auto", "s", "ms", "us", "ns", "none"}
        What a user says they are.
    now : float, optional
        Seconds since 1970; by default those of the machine.

    Returns
    -------
    Clock
    """
    if asked == "none" or not len(times):
        return _without("not read" if asked == "none" else "none")
    first, last = float(times.min()), float(times.max())
    if not math.isfinite(first) or not math.isfinite(last):
        return _without("not all numbers")
    if asked != "auto":
        return _in_unit(times, asked, now)
    if first == last:
        return _without("all equal")
    for unit, scale in PER_SECOND.items():  # what most files are, found without an array of all times
        if _FIRST * scale <= first and last < _END * scale:
            return _in_unit(times, unit, now)
    counts = {unit: int(within.sum()) for unit, within in _bands(times)}
    small = int((np.abs(times) < _FIRST).sum())
    if small >= _NEARLY_ALL * len(times):
        return _without("positions")
    found = {unit: count for unit, count in counts.items() if count}
    if not found:
        return _without("numbers of no known unit")
    unit = max(found, key=lambda name: found[name])
    if len(found) > 1:
        return Clock(None, "of several units", problem=_mixed(found, unit))
    return _in_unit(times, unit, now)


def seconds(times: Times, unit: str) -> Times:
    """Return timestamps of a unit as seconds since 1970, UTC, exact to the microsecond: a new array but for seconds."""
    return times if unit == "s" else times / PER_SECOND[unit]


def days(times: Times) -> Days:
    """Return the number of each time's day since 1970, UTC, from seconds."""
    return np.floor_divide(times, DAY).astype(np.int64)  # exact, where a quotient may be rounded up


def spans_days(times: Times) -> bool:
    """Whether times lie on so many different days that what was known on the day before says something."""
    return len(np.unique(days(times))) >= _FEWEST_DAYS


def date_of(time: float) -> str:
    """Return the day of a time in seconds, as in ``2014-07-22``."""
    return str(np.datetime64(int(np.clip(np.floor(time / DAY), -(10**9), 10**9)), "D"))


def _bands(times: Times) -> Iterator[tuple[str, Any]]:
    for unit, scale in PER_SECOND.items():
        yield unit, (times >= _FIRST * scale) & (times < _END * scale)


def _without(what: str) -> Clock:
    return Clock(None, f"{what}: nothing here knows the clock")


def _in_unit(times: Times, unit: str, now: float | None) -> Clock:
    first, last = (float(end) / PER_SECOND[unit] for end in (times.min(), times.max()))
    end = (time.time() if now is None else now) + DAY
    early = int((seconds(times, unit) <= 0).sum()) if first <= 0 else 0
    late = int((seconds(times, unit) > end).sum()) if last > end else 0
    odd = [f"{early:,} are zero or before 1970"] * bool(early) + [f"{late:,} lie in the future"] * bool(late)
    warning = f"of {len(times):,} timestamps {' and '.join(odd)}; they are kept as they stand" if odd else ""
    return Clock(unit, f"{NAMES[unit]}, {date_of(first)} to {date_of(last)}", warning=warning)


def _mixed(counts: dict[str, int], most: str) -> str:
    rows = " and ".join(f"{count:,} are {NAMES[unit]}" for unit, count in counts.items())
    return (
        f"of the timestamps {rows}; write all in one unit, or say --time_unit={most} if all are {NAMES[most]}, "
        "--time_unit=none if they only say what came first"
    )
