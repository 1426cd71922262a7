"""Rows of a table as interactions, with all that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from recbole_metarec.conversion.options import Options
from recbole_metarec.conversion.times import Times, read_times
from recbole_metarec.datasets.filters import Mask
from recbole_metarec.datasets.interactions import Interactions, encode
from recbole_metarec.datasets.lines import N_EXAMPLES, round_up
from recbole_metarec.domains.missing import MISSING
from recbole_metarec.errors import UserError, noting

_UNSAFE = r'["\p{Cc}\x{2028}\x{2029}\x{fffd}]'


@dataclass
class Report:
    """How rows were read.

    Attributes
    ----------
    rows : int
        All but those in which nothing stands.
    bad : dict of str to int
        Rows left out, by reason, each under its first one.
    examples : list of str
        The first few of them.
    """

    rows: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


class _Wrong:
    """What is wrong with rows.

    Parameters
    ----------
    table : str
        Name of the table.
    there : bool array, shape (n,)
        Where anything stands at all.
    """

    def __init__(self, table: str, there: Mask) -> None:
        self.table = table
        self.good = there.copy()
        self.report = Report(int(there.sum()))
        self.lines: list[str] = []
        self._there = there

    def add(self, bad: Mask, column: pl.Series, reason: str, instead: str) -> None:
        """Note rows whose value of a column cannot be read."""
        bad = bad & self._there
        if not bad.any():
            return
        first, n_bad = int(np.argmax(bad)), int(bad.sum())
        value = "" if reason == "is empty" else f" {str(column[first])[:60]!r}"
        example = f"row {first + 1}: {column.name}{value} {reason}"
        self.lines.append(f"{self.table}: {example} ({n_bad:,} such row{'s' * (n_bad > 1)}); {instead}")
        newly = bad & self.good
        if newly.any():
            self.report.bad[f"{column.name} {reason}"] = int(newly.sum())
            self.report.examples = [*self.report.examples, example][:N_EXAMPLES]
            self.good &= ~bad

    def check(self, max_bad: float) -> None:
        """Refuse more bad rows than are allowed, with a `UserError`."""
        n_bad, n_rows = sum(self.report.bad.values()), self.report.rows
        if n_bad > max_bad * n_rows:
            share = f"{n_bad:,} of {n_rows:,} rows ({n_bad / n_rows:.2%}) cannot be read"
            advice = f"mend them, or leave them out with --max_bad={round_up(n_bad / n_rows)}"
            raise UserError([*self.lines, f"{self.table}: {share}; {advice}"])


def read_rows(
    frame: pl.DataFrame, table: str, user: str, item: str, time: str, rating: str | None, options: Options
) -> tuple[Interactions, Times, Report]:
    """Read interactions.

    Parameters
    ----------
    frame : polars.DataFrame
        Has the columns that are named, and loses them as they are read.
    table : str
        What it is called, for the lines of an error.
    user, item, time : str
        Columns.
    rating : str, optional
        Likewise.
    options : Options

    Returns
    -------
    rows : Interactions
        In the order of the frame, without bad ones.
    times : Times
        Of all rows, bad ones included; unit and span are of interest.
    report : Report

    Raises
    ------
    UserError
        If there are no rows, or more than ``options.max_bad`` cannot be read: all that is wrong.
    """
    there = np.zeros(len(frame), bool)
    for column in frame.iter_columns():
        there |= column.is_not_null().to_numpy()
    if not there.any():
        raise UserError([f"{table}: has no rows"])
    wrong, problems = _Wrong(table, there), list[str]()
    # a column that has been read is given up before the next one is
    users, items = (_identities(frame.drop_in_place(name), wrong, problems) for name in (user, item))
    times = _times(frame.drop_in_place(time), options, wrong, problems)
    ratings = np.zeros(len(there)) if rating is None else _ratings(frame.drop_in_place(rating), wrong)
    with noting(problems):
        wrong.check(options.max_bad)
    if problems or times is None:
        raise UserError(problems)
    (user_codes, user_names), (item_codes, item_names) = users, items
    rows = Interactions(user_codes, item_codes, ratings, times.stamps, user_names, item_names)
    return rows.take(wrong.good), times, wrong.report


def texts_of(column: pl.Series) -> pl.Series:
    """Return ids as text without blanks around them; whole numbers that a gap made floats are whole again."""
    kind = column.dtype
    if kind.is_float() and ((column == column.round()) | column.is_null() | column.is_nan()).all():
        column = column.fill_nan(None).cast(pl.Int64, strict=False)
    if kind.is_nested() or kind == pl.Binary or kind == pl.Object:
        raise UserError([f"{column.name}: is of type {kind}; ids are texts or numbers"])
    return column.cast(pl.String).str.strip_chars()


def _identities(column: pl.Series, wrong: _Wrong, problems: list[str]) -> tuple[npt.NDArray[np.uint32], pl.Series]:
    try:
        texts = texts_of(column)
    except UserError as error:
        problems += [f"{wrong.table}: {problem}" for problem in error.problems]
        texts = pl.repeat("x", len(column), eager=True)
    codes, names = encode(texts.fill_null(""))

    def rows_of(names_that: pl.Series) -> Mask:
        marked: Mask = names_that.to_numpy()[codes]
        return marked

    wrong.add(rows_of(names == ""), column, "is empty", "each row needs one")
    missing = names.is_in([*(MISSING - {""})])
    wrong.add(rows_of(missing), column, "is a word that RecBole reads as a missing value", "write another")
    unsafe = names.str.contains(_UNSAFE)
    wrong.add(rows_of(unsafe), column, "has quotation marks, tabs or control characters", "write ids without them")
    return codes, names


def _times(column: pl.Series, options: Options, wrong: _Wrong, problems: list[str]) -> Times | None:
    try:
        times = read_times(column, options)
    except UserError as error:
        problems += [f"{wrong.table}: {problem}" for problem in error.problems]
        return None
    empty = _is_empty(column)
    wrong.add(empty, column, "is empty", "each row needs a time")
    instead = "write 2024-03-01 12:30, 2024-03-01T12:30:00+01:00 or seconds since 1970, and all alike"
    wrong.add(~times.known & ~empty, column, "is no time", instead)
    return times


def _ratings(column: pl.Series, wrong: _Wrong) -> npt.NDArray[np.float64]:
    numbers: Any = column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    empty = _is_empty(column)
    wrong.add(empty, column, "is empty", "write a number, or leave --rating out")
    wrong.add(~np.isfinite(numbers) & ~empty, column, "is no number", "write one as 4 or 3.5, or leave --rating out")
    return np.asarray(numbers, np.float64)


def _is_empty(column: pl.Series) -> Mask:
    empty = column.is_null()
    if column.dtype == pl.String:
        empty |= (column.str.strip_chars() == "").fill_null(True)
    found: Mask = empty.to_numpy()
    return found
