"""What single users had, as lines of files and requests tell it: checked, and put together as rows."""

# Shapes: n interactions.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from recbole_metarec.domains.clock import Times, seconds
from recbole_metarec.errors import UserError
from recbole_metarec.inference.frames import Rows
from recbole_metarec.inference.times import seconds_of, unit_of


class History(NamedTuple):
    """What one user had.

    Attributes
    ----------
    user : Any
    items : list
        Raw ids.
    stamps : list of float, or None
        When each was had, in whatever unit.
    at : Any
        When is asked, if that is said.
    """

    user: Any
    items: list[Any]
    stamps: list[float] | None
    at: Any = None


def history_of(user: Any, items: list[Any], times: Any, at: Any, where: str) -> History:
    """Check what is told of a user.

    Parameters
    ----------
    user : Any
    items : list
    times : list of time, or None
        One for each item: numbers of whatever unit, or ISO text.
    at : time, or None
    where : str
        What tells it, for the line of an error.

    Returns
    -------
    History

    Raises
    ------
    UserError
        If something is no item id or no time, or times are too many or too few.
    """
    if times is not None and (not isinstance(times, list) or len(times) != len(items)):
        raise UserError([f"{where}: times must be a list with a time for each of the {len(items)} items"])
    wrong = [item for item in items if not isinstance(item, (str, int)) or isinstance(item, bool)]
    if wrong:
        raise UserError([f"{where}: {wrong[0]!r} is no item id"])
    if at is not None:
        seconds_of(at, f"{where}: at")
    return History(user, items, None if times is None else [stamp_of(each, where) for each in times], at)


def stamp_of(value: Any, where: str) -> float:
    """Read a time as a number, of whatever unit; ISO text as seconds since 1970.

    Raises
    ------
    UserError
        If it is none.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = seconds_of(value if isinstance(value, str) else str(value), f"{where}: time")
    if not math.isfinite(number):
        raise UserError([f"{where}: time {value} is no number"])
    return number


def find_unit(histories: Sequence[History], time_unit: str, name: str) -> str | None:
    """Find the unit of the times of histories.

    Parameters
    ----------
    histories : sequence of History
    time_unit : str
        See `domains.clock.find_clock`.
    name : str
        What holds them, for the line of an error.

    Returns
    -------
    str, or None
        ``none`` if times only say what came first, ``None`` if there are none.

    Raises
    ------
    UserError
        If they are of several units.
    """
    stamps = np.array([stamp for each in histories for stamp in each.stamps or ()], np.float64)
    return (unit_of(stamps, time_unit, name) or "none") if len(stamps) else None


def rows_of(histories: Sequence[History], unit: str | None) -> Rows:
    """Put histories together, each by its times; what was had at one time stays in order.

    Parameters
    ----------
    histories : sequence of History
    unit : str or None
        See `find_unit`.

    Returns
    -------
    Rows
        Of which a user may stand there several times.
    """
    user = np.repeat(np.arange(len(histories)), [len(each.items) for each in histories])
    items = [item for each in histories for item in each.items]
    times: Times | None = None
    if unit is not None:
        unknown = ([math.nan] * len(each.items) if each.stamps is None else each.stamps for each in histories)
        stamps = np.array([stamp for own in unknown for stamp in own], np.float64)
        order = np.lexsort((stamps, user))
        items = [items[place] for place in order]
        times = None if unit == "none" else seconds(stamps[order], unit)
    return Rows([each.user for each in histories], user, items, times)


def in_seconds(histories: Sequence[History], time_unit: str, name: str) -> list[History]:
    """Put each history in the order of its times, and those in seconds since 1970, to go with others of other units.

    Parameters
    ----------
    histories : sequence of History
    time_unit, name : str
        See `find_unit`.

    Returns
    -------
    list of History
        Without times if they only say what came first.

    Raises
    ------
    UserError
        If they are of several units.
    """
    unit, found = find_unit(histories, time_unit, name), []
    for each in histories:
        items, stamps = each.items, each.stamps
        if stamps is not None:
            order = sorted(range(len(stamps)), key=stamps.__getitem__)
            items = [items[place] for place in order]
            in_order = np.array([stamps[place] for place in order], np.float64)
            stamps = None if unit in (None, "none") else seconds(in_order, unit).tolist()
        found.append(each._replace(items=items, stamps=stamps))
    return found
