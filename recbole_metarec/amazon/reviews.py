"""Reviews and ratings read into arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from recbole_metarec.amazon.layouts import Layout
from recbole_metarec.amazon.rawfile import RawFile
from recbole_metarec.amazon.records import LATEST, BadLine, Row, read_row, without_cycles
from recbole_metarec.domains.atomic import MISSING
from recbole_metarec.errors import UserError

N_EXAMPLES = 3
ROWS_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Interactions:
    """Interactions as columns; row ``i`` of all arrays is one of them.

    Parameters
    ----------
    users, items : uint32 array, shape (n,)
        Codes: positions in ``user_names`` and ``item_names``.
    ratings : float64 array, shape (n,)
        From 0 to 5.
    times : int64 array, shape (n,)
        In the unit of the source.
    user_names, item_names : polars.Series of str
        Identities in any order; those of filtered rows stay.
    """

    users: npt.NDArray[np.uint32]
    items: npt.NDArray[np.uint32]
    ratings: npt.NDArray[np.float64]
    times: npt.NDArray[np.int64]
    user_names: pl.Series
    item_names: pl.Series

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Interactions:
        """Return the rows under a mask or at positions."""
        return replace(
            self, users=self.users[rows], items=self.items[rows], ratings=self.ratings[rows], times=self.times[rows]
        )

    def counts(self) -> dict[str, int]:
        """Count users, items and interactions."""
        return {
            "users": int(np.count_nonzero(np.bincount(self.users))),
            "items": int(np.count_nonzero(np.bincount(self.items))),
            "interactions": len(self),
        }


@dataclass
class LineReport:
    """How the lines of a file were read.

    Attributes
    ----------
    lines : int
        Lines that are not blank, a header not counted.
    bad : Counter of str
        Lines left out, by reason.
    examples : list of str
        The first few of them.
    """

    lines: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add_bad(self, number: int, reason: str, line: bytes) -> None:
        """Count a bad line.

        Parameters
        ----------
        number : int
            Its number in the file, from 1.
        reason : str
            What is wrong.
        line : bytes
            The line.
        """
        self.bad[reason] += 1
        if len(self.examples) < N_EXAMPLES:
            self.examples.append(f"line {number}: {reason}: {line[:60].decode('utf-8', 'replace')!r}")

    def check(self, path: Path, max_bad: float) -> None:
        """Stop at too many bad lines.

        Parameters
        ----------
        path : Path
            The file.
        max_bad : float
            Largest share of bad lines, from 0 to 1.

        Raises
        ------
        UserError
            If there are more: how many, why, and the first of them.
        """
        n_bad = self.bad.total()
        if n_bad > max_bad * self.lines:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.bad.most_common())
            share = f"{n_bad:,} of {self.lines:,} lines ({n_bad / self.lines:.2%}) are bad"
            advice = f"repair the file or allow them with --max_bad={_round_up(n_bad / self.lines)}"
            raise UserError([f"{path}: {share}: {reasons}; {advice}", *(f"{path}: {text}" for text in self.examples)])


def _round_up(share: float) -> float:
    return next(step for step in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if step >= share)


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
        users, user_names = _encode(self.users.rechunk(in_place=True))
        del self.users
        items, item_names = _encode(self.items.rechunk(in_place=True))
        del self.items
        ratings, times = np.concatenate(self.ratings), np.concatenate(self.times)
        return Interactions(users, items, ratings, times, user_names, item_names)


def _encode(names: pl.Series) -> tuple[npt.NDArray[np.uint32], pl.Series]:
    """Give names numbers; by their hashes, which need a third of the memory that a table of names does."""
    codes, distinct = _encode_by(names.hash().to_numpy(), names)
    for start in range(0, len(names), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        if not (distinct.gather(codes[part]) == names[part]).all():  # two names with one hash
            return _encode_by(names.rank("dense").to_numpy(), names)
    return codes, distinct


def _encode_by(keys: npt.NDArray[Any], names: pl.Series) -> tuple[npt.NDArray[np.uint32], pl.Series]:
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    return codes.astype(np.uint32), names.gather(first)


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
