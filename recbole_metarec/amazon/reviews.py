"""Reviews and ratings read into arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from recbole_metarec.amazon.layouts import Layout
from recbole_metarec.amazon.rawfile import RawFile
from recbole_metarec.amazon.records import LATEST, BadLine, Row, read_row, without_cycles
from recbole_metarec.datasets.interactions import Interactions, encode
from recbole_metarec.datasets.lines import LineReport
from recbole_metarec.domains.missing import MISSING

Block = tuple[tuple[str, ...], tuple[str, ...], npt.NDArray[np.float64], npt.NDArray[np.int64]]


class _Columns:
    """Columns that grow block by block; texts go to Arrow memory, a third of Python's."""

    def __init__(self) -> None:
        self.users, self.items = pl.Series(dtype=pl.String), pl.Series(dtype=pl.String)
        self.ratings = [np.empty(0)]
        self.times = [np.empty(0, np.int64)]

    def add(self, block: Block) -> None:
        users, items, ratings, times = block
        self.users.append(pl.Series(users, dtype=pl.String))
        self.items.append(pl.Series(items, dtype=pl.String))
        self.ratings.append(ratings)
        self.times.append(times)

    def finish(self) -> Interactions:
        users, user_names = encode(self.users.rechunk(in_place=True))
        del self.users
        items, item_names = encode(self.items.rechunk(in_place=True))
        del self.items
        ratings, times = np.concatenate(self.ratings), np.concatenate(self.times)
        return Interactions(users, items, ratings, times, user_names, item_names)


def read_reviews(raw: RawFile, layout: Layout) -> tuple[Interactions, LineReport]:
    """Read a reviews or ratings file.

    Parameters
    ----------
    raw : RawFile
        The file.
    layout : Layout
        Its layout, from `recognise`.

    Returns
    -------
    interactions : Interactions
        In file order.
    report : LineReport
        Bad lines are left out and counted here.

    Raises
    ------
    UserError
        If the file cannot be read to its end.
    """
    columns, report = _Columns(), LineReport()
    number = 0
    with without_cycles():
        for lines in raw.blocks():
            if layout.header and number == 0:
                lines[0] = b""
            columns.add(_read_block(lines, layout, report, number))
            number += len(lines)
    return columns.finish(), report


def _read_block(lines: Sequence[bytes], layout: Layout, report: LineReport, before: int) -> Block:
    """Read a block of lines at once, or line by line if it holds anything unusual."""
    if not layout.csv:
        with suppress(orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError):
            block = _usual(zip(*map(itemgetter(*layout.keys), map(orjson.loads, lines)), strict=True))
            report.lines += len(lines)
            return block
    rows: list[Row] = []
    for number, line in enumerate(lines, before + 1):
        if line.strip():
            report.lines += 1
            try:
                rows.append(read_row(line, layout))
            except BadLine as error:
                report.add_bad(number, str(error), line)
    users, items, ratings, times = zip(*rows, strict=True) if rows else ((), (), (), ())
    return users, items, np.array(ratings, np.float64), np.array(times, np.int64)


def _usual(columns: Iterable[tuple[Any, ...]]) -> Block:
    """Check columns as `read_row` would check each row, but refuse what it might still read."""
    users, items, ratings, times = columns
    if {*map(type, ratings)} != {float} or {*map(type, times)} != {int}:
        raise TypeError
    for names in (users, items):
        if not "".join(names).isalnum() or not MISSING.isdisjoint(names):
            raise ValueError
    rating, time = np.array(ratings), np.array(times, np.int64)
    if not (rating.min() >= 0 and rating.max() <= 5 and time.min() >= 0 and time.max() < LATEST):
        raise ValueError
    return users, items, rating, time
