"""One line of a dump: JSON, a Python literal or comma separated."""

from __future__ import annotations

import ast
import gc
import json
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

from recbole_metarec.amazon.layouts import Layout
from recbole_metarec.domains.missing import MISSING

LATEST = 2**53
"""First timestamp that is not exact as a 64-bit float, in which RecBole reads it."""


class BadLine(ValueError):
    """A line that is no interaction; the message is the reason, one of few."""


class Row(NamedTuple):
    """One interaction as the source gives it; the time in its own unit."""

    user: str
    item: str
    rating: float
    time: int


@contextmanager
def without_cycles() -> Iterator[None]:
    """Keep the garbage collector off while records are read.

    They hold no reference cycles, but there are so many that it would walk through all objects of torch and RecBole
    again and again, which takes as long as the reading itself.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def read_record(line: bytes) -> dict[str, Any]:
    """Parse a line of a JSON dump, strict or as the 2014 files have it.

    Parameters
    ----------
    line : bytes
        A JSON object or a Python dict literal.

    Returns
    -------
    dict

    Raises
    ------
    BadLine
        If it is neither.
    """
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        record = _read_lenient(line)
    if not isinstance(record, dict):
        raise BadLine("not an object")
    return record


def _read_lenient(line: bytes) -> Any:
    text = line.decode("utf-8", "replace").strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise BadLine("not JSON")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise BadLine("not JSON") from None


def read_row(line: bytes, layout: Layout) -> Row:
    """Parse and check one interaction.

    Parameters
    ----------
    line : bytes
        A line of a reviews or ratings file.
    layout : Layout
        Of that file.

    Returns
    -------
    Row

    Raises
    ------
    BadLine
        If something is missing or cannot be what it should be.
    """
    fields = _columns(line, layout) if layout.csv else read_record(line)
    return check_row(*(fields.get(key) for key in layout.keys))


def check_row(user: Any, item: Any, rating: Any, time: Any) -> Row:
    """Check the four values of an interaction.

    Parameters
    ----------
    user, item : object
        Must be texts that RecBole reads as they are: no blanks, quotation marks or control characters, and none
        of the words that pandas takes for a missing value.
    rating : object
        Must be a number from 0 to 5, or such a text.
    time : object
        Must be an integer from 0 to 2 ** 53, or such a text.

    Returns
    -------
    Row

    Raises
    ------
    BadLine
        If one of them is not so.
    """
    return Row(check_identity(user, "user"), check_identity(item, "item"), _rating(rating), _time(time))


def _columns(line: bytes, layout: Layout) -> dict[str, str]:
    text = line.decode("utf-8", "replace").rstrip("\r")
    values = [value[1:-1] if value[:1] == value[-1:] == '"' else value for value in text.split(",")]
    if len(values) < len(layout.columns):
        raise BadLine("too few columns")
    return dict(zip(layout.columns, values, strict=False))


def check_identity(value: Any, what: str) -> str:
    """Check a user or an item; ``what`` says which of them.

    Raises
    ------
    BadLine
        As `check_row`.
    """
    if value is None or value == "":
        raise BadLine(f"no {what} id")
    if not isinstance(value, str):
        raise BadLine(f"{what} id is no text")
    if not value.isalnum() and not (value.isprintable() and not any(char in ' "\ufffd' for char in value)):
        raise BadLine(f"{what} id with blanks, quotation marks or control characters")
    if value in MISSING:
        raise BadLine(f"{what} id that RecBole reads as missing")
    return value


def _rating(value: Any) -> float:
    if value is None or value == "":
        raise BadLine("no rating")
    number = _number(value)
    if not 0 <= number <= 5:
        raise BadLine("rating is no number from 0 to 5")
    return float(number)


def _time(value: Any) -> int:
    if value is None or value == "":
        raise BadLine("no timestamp")
    number = _number(value)
    if not 0 <= number < LATEST or number != int(number):
        raise BadLine("timestamp is no whole number from 0 to 2 ** 53")
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return float(value) if isinstance(value, (float, str)) else math.nan
    except ValueError:
        return math.nan
