"""Frames of pandas and polars, and others that narwhals knows: read as arrays, written as what they came as."""

# Shapes: n rows.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import numpy.typing as npt

from recbole_metarec.domains.clock import Times, seconds
from recbole_metarec.errors import UserError, nearest
from recbole_metarec.inference.times import seconds_of, unit_of


class Rows(NamedTuple):
    """Interactions, users one behind the other, oldest first.

    Attributes
    ----------
    users : list
        Each once, in the order in which they first stood in the frame.
    user : int64 array, shape (n,)
        Which of them each row is of, rising.
    items : list
        Raw ids.
    times : float64 array, shape (n,), or None
        In seconds since 1970, not a number where nobody knows; ``None`` if nothing does.
    """

    users: list[Any]
    user: npt.NDArray[np.int64]
    items: list[Any]
    times: Times | None


def is_frame(value: object) -> bool:
    """Whether a value is a frame of pandas, polars or another library that narwhals knows."""
    return nw.dependencies.is_into_dataframe(value)


def read_rows(native: Any, time_unit: str = "auto", name: str = "frame") -> Rows:
    """Read the columns ``user_id``, ``item_id`` and, if it is there, ``timestamp``.

    Parameters
    ----------
    native : frame
    time_unit : str
        See `domains.clock.find_clock`.
    name : str
        What the frame is called, for the lines of an error.

    Returns
    -------
    Rows

    Raises
    ------
    UserError
        If a column or a value is missing, or timestamps are of several units.
    """
    frame = nw.from_native(native, eager_only=True)
    _require(frame, ("user_id", "item_id"), name)
    columns = [column for column in ("user_id", "item_id", "timestamp") if column in frame.columns]
    _refuse_missing(frame, columns, name)
    numbers: dict[Any, int] = {}
    users = [numbers.setdefault(user, len(numbers)) for user in frame["user_id"].to_list()]
    user = np.array(users, np.int64)
    stamps = _stamps(frame["timestamp"], name) if "timestamp" in columns else None
    order = np.argsort(user, kind="stable") if stamps is None else np.lexsort((stamps, user))
    items = item_ids(frame["item_id"])
    times = None if stamps is None else _times(stamps, time_unit, name)
    return Rows([*numbers], user[order], [items[place] for place in order], None if times is None else times[order])


def item_ids(column: Any) -> list[Any]:
    """Return ids of a column; whole numbers that a missing value made floats are whole numbers again."""
    values = column.to_list()
    return [int(each) if isinstance(each, float) and each.is_integer() else each for each in values]


def written_like(native: Any, columns: Mapping[str, Sequence[Any]]) -> Any:
    """Make a frame of the library of another one; item ids are whole numbers if they are there."""
    frame = nw.from_native(native, eager_only=True)
    made = nw.from_dict(dict(columns), backend=frame.implementation)
    if not len(made):  # nothing says of what type its columns are
        kinds = {"score": nw.Float64, "rank": nw.Int64}
        made = made.with_columns(nw.col(column).cast(kinds.get(column, nw.String)) for column in columns)
    if "item_id" in frame.columns and frame["item_id"].dtype.is_integer():
        named = [column for column in columns if column.endswith("item_id")]
        if all(value.lstrip("-").isdigit() for column in named for value in columns[column]):
            made = made.with_columns(nw.col(*named).cast(nw.Int64))
    return made.to_native()


def columns_of(native: Any, wanted: Sequence[str], name: str = "frame") -> dict[str, list[Any]]:
    """Read columns as lists; those that are not in the frame are left out, but for the first.

    Raises
    ------
    UserError
        If the first is missing, or a value of it.
    """
    frame = nw.from_native(native, eager_only=True)
    _require(frame, wanted[:1], name)
    _refuse_missing(frame, wanted[:1], name)
    return {
        column: item_ids(frame[column]) if column == wanted[0] else frame[column].to_list()
        for column in wanted
        if column in frame.columns
    }


def _require(frame: Any, columns: Sequence[str], name: str) -> None:
    missing = [
        f"{name}: column {column} is missing; it has {', '.join(frame.columns) or 'none'}"
        f"{nearest(column, [each for each in frame.columns if isinstance(each, str)])}"
        for column in columns
        if column not in frame.columns
    ]
    if missing:
        raise UserError(missing)


def _refuse_missing(frame: Any, columns: Sequence[str], name: str) -> None:
    problems = []
    for column in columns:
        values = frame[column]
        empty = values.is_null()
        if values.dtype.is_float():
            empty = empty | values.is_nan()
        if empty.any():
            place = int(empty.arg_true()[0]) + 1
            problems.append(f"{name}: {column} of row {place} is missing; leave such rows out")
    if problems:
        raise UserError(problems)


def _stamps(column: Any, name: str) -> Times:
    """Return timestamps as numbers; dates are in seconds."""
    kind = column.dtype
    if kind.is_numeric():
        return np.asarray(column.to_numpy(), np.float64)
    values = column.to_list()
    try:
        return np.array([seconds_of(each, f"{name}: timestamp") for each in values], np.float64)
    except UserError:
        if kind == nw.String or kind == nw.Object:
            numbers = [_number(each) for each in values]
            if None not in numbers:  # of a unit that is too large for seconds
                return np.array(numbers, np.float64)
        raise


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _times(stamps: Times, time_unit: str, name: str) -> Times | None:
    """Return timestamps as seconds since 1970; ``None`` if they only say what came first."""
    if not np.isfinite(stamps).all():
        raise UserError([f"{name}: timestamp of row {int(np.argmin(np.isfinite(stamps))) + 1} is no number"])
    unit = unit_of(stamps, time_unit, name)
    return None if unit is None else seconds(stamps, unit)
