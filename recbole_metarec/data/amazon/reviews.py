"""Reviews and ratings read into arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from recbole_metarec.data.amazon.layouts import Layout
from recbole_metarec.data.amazon.rawfile import RawFile
from recbole_metarec.data.amazon.records import LATEST, MISSING, BadLine, Row, read_row
from recbole_metarec.errors import UserError

N_EXAMPLES = 3


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
        Identities in the order of their characters; those of filtered rows stay.
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


class _Columns:
    """Columns that grow block by block; texts go to Arrow memory, a third of Python's."""

    def __init__(self) -> None:
        self.users, self.items = pl.Series(dtype=pl.String), pl.Series(dtype=pl.String)
        self.ratings: list[npt.NDArray[np.float64]] = []
        self.times: list[npt.NDArray[np.int64]] = []

    def add(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        users, items, ratings, times = zip(*rows, strict=True)
        self.users.append(pl.Series(users, dtype=pl.String))
        self.items.append(pl.Series(items, dtype=pl.String))
        self.ratings.append(np.array(ratings, np.float64))
        self.times.append(np.array(times, np.int64))

    def finish(self) -> Interactions:
        users, user_names = _encode(self.users)
        del self.users
        items, item_names = _encode(self.items)
        del self.items
        ratings = np.concatenate([np.empty(0), *self.ratings])
        times = np.concatenate([np.empty(0, np.int64), *self.times])
        return Interactions(users, items, ratings, times, user_names, item_names)


def _encode(names: pl.Series) -> tuple[npt.NDArray[np.uint32], pl.Series]:
    if names.is_empty():
        return np.empty(0, np.uint32), names
    codes = names.rank("dense").to_numpy().astype(np.uint32) - np.uint32(1)
    row = np.empty(int(codes.max()) + 1, np.int64)
    row[codes] = np.arange(len(codes))
    return codes, names.gather(row)


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
    for lines in raw.blocks():
        if layout.header and number == 0:
            lines[0] = b""
        columns.add(_read_block(lines, layout, report, number))
        number += len(lines)
    return columns.finish(), report


def _read_block(lines: Sequence[bytes], layout: Layout, report: LineReport, before: int) -> list[Row]:
    rows: list[Row] = []
    read = _csv_reader(layout) if layout.csv else _json_reader(layout)
    for index, line in enumerate(lines):
        try:
            rows.append(read(line))
        except BadLine as error:
            if line.strip():
                report.add_bad(before + index + 1, str(error), line)
            else:
                report.lines -= 1
    report.lines += len(lines)
    return rows


def _csv_reader(layout: Layout) -> Callable[[bytes], Row]:
    return lambda line: read_row(line, layout)


def _json_reader(layout: Layout) -> Callable[[bytes], Row]:
    """`read_row`, with what nearly every line looks like tried first."""
    pick = itemgetter(*layout.keys)

    def read(line: bytes) -> Row:
        try:
            user, item, rating, time = pick(orjson.loads(line))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return read_row(line, layout)
        usual = type(rating) is float and type(time) is int and 0 <= rating <= 5 and 0 <= time < LATEST
        if usual and _is_plain(user) and _is_plain(item):
            return cast(Row, (user, item, rating, time))
        return read_row(line, layout)

    return read


def _is_plain(name: object) -> bool:
    return type(name) is str and name.isalnum() and name not in MISSING
