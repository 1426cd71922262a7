"""RecBole's atomic files, read with every line checked.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal
from pathlib import Path

import pandas as pd

from recbole_metarec.domains import parsed
from recbole_metarec.domains.cells import first_line, read_cells, read_rows, surplus_problems, too_many
from recbole_metarec.domains.header import read_header, require_fields
from recbole_metarec.domains.missing import MISSING
from recbole_metarec.domains.plain import NotPlain, read_plain
from recbole_metarec.errors import UserError

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Numbers of so many digits are told from one another by 64-bit floats.
EXACT_DIGITS = 15
_QUIET = Context(traps=[])  # exponents beyond all bounds are no number


def read_interactions(
    path: Path, fields: Sequence[str], separator: str = "\t", encoding: str = "utf-8"
) -> pd.DataFrame:
    """Read token and float columns of an ``.inter`` file, and check every line of them.

    What is plain is kept for `parsed.take`, and not read again as long as the file is the same.

    Parameters
    ----------
    path : Path
        The ``.inter`` file.
    fields : sequence of str
        Names of the columns to read; the first two are the user and the item, which must not be blank.
    separator : str
        Column separator.
    encoding : str
        Text encoding of the file.

    Returns
    -------
    pandas.DataFrame
        One row an interaction in file order; token columns as categories, float columns as ``float64``. Not to be
        changed.

    Raises
    ------
    UserError
        If the file is missing, empty or malformed: all problems, with the number of the first line of each.
    """
    content = parsed.content_of(path, separator, encoding)
    kept = parsed.look(content, fields)
    if kept is not None:
        return kept
    header = read_header(path, separator, encoding)
    require_fields(path, header, fields)
    try:
        frame = read_plain(path, header, fields, separator, encoding)
        if any(not MISSING.isdisjoint(frame[field].cat.categories) for field in fields[:2]):
            raise NotPlain
    except NotPlain:
        return _read_closely(path, header, fields, separator, encoding)
    parsed.keep(content, frame)
    return frame


def _read_closely(
    path: Path, header: Mapping[str, str], fields: Sequence[str], separator: str, encoding: str
) -> pd.DataFrame:
    """Read what is not plain, and name all that is wrong with it."""
    frame = read_cells(path, list(header), separator, encoding)
    if frame.empty:
        raise UserError([f"{path}: no interactions below line 1"])
    problems = surplus_problems(path, frame, len(header))
    for field in fields[:2]:
        problems += _identity_problems(path, frame[field])
    for field in fields:
        if header[field] == "float":
            problems += _number_problems(path, frame[field])
            frame[field] = frame[field].map(_to_number)
    if problems:
        raise UserError(problems)
    frame = frame[list(fields)].reset_index(drop=True)
    return frame.astype({field: "category" for field in fields if header[field] != "float"})


def _identity_problems(path: Path, column: pd.Series) -> Iterator[str]:
    blank = column.str.strip() == ""
    if blank.any():
        yield f"{path}: line {first_line(blank)}: {column.name} is blank ({int(blank.sum())} such lines)"
    padded = ~blank & (column.map(str.strip) != column)
    if padded.any():
        cell = column[padded].iloc[0]
        yield (
            f"{path}: line {first_line(padded)}: {column.name} {cell!r} begins or ends with a blank, which makes it "
            f"another than {cell.strip()!r}; remove the blank ({int(padded.sum())} such lines)"
        )
    missing = ~blank & column.isin(MISSING)
    if missing.any():
        yield (
            f"{path}: line {first_line(missing)}: {column.name} {column[missing].iloc[0]!r} is a word that RecBole "
            f"reads as a missing value; write another ({int(missing.sum())} such lines)"
        )


def _number_problems(path: Path, column: pd.Series) -> Iterator[str]:
    bad = ~column.map(_to_number).map(math.isfinite)
    if bad.any():
        yield (
            f"{path}: line {first_line(bad)}: {column.name} {column[bad].iloc[0]!r} is not a finite number "
            f"({int(bad.sum())} such lines)"
        )
    else:
        yield from _merged_problems(path, str(column.name), column.index.tolist(), column.tolist())


def _to_number(cell: str) -> float:
    return float(cell) if NUMBER.fullmatch(cell.strip()) else math.nan


def _merged_problems(path: Path, field: str, lines: Sequence[int], cells: Sequence[str]) -> Iterator[str]:
    """Find two finite numbers that are one as 64-bit floats, which leaves their order to chance."""
    if all(len(cell) <= EXACT_DIGITS for cell in cells):
        return
    known: dict[float, str] = {}
    for line, cell in zip(lines, cells, strict=True):
        other = known.setdefault(float(cell), cell)
        if other != cell and Decimal(other, _QUIET) != Decimal(cell, _QUIET):
            yield (
                f"{path}: line {line}: {field} {cell} and {other} are one number to RecBole, whose floats have 64 "
                "bits, so that their order would be lost; write fewer digits, as in seconds or milliseconds"
            )
            return


def check_rows(path: Path, separator: str, encoding: str, exact: str | None = None) -> None:
    """Check that RecBole's own reader takes each line of an atomic file for a row, and each cell for its column's.

    Parameters
    ----------
    path : Path
        The file.
    separator, encoding : str
        As in `read_cells`.
    exact : str, optional
        A column whose numbers decide the order.

    Raises
    ------
    UserError
        If a line has more columns than the first one, a quotation mark joins lines, or different numbers of the column
        ``exact`` are one as 64-bit floats.
    """
    names = list(read_header(path, separator, encoding))
    place = names.index(exact) if exact in names else None
    lines, cells = [], []
    for line, row in read_rows(path, separator, encoding):
        if len(row) > len(names):
            raise UserError([too_many(path, line, len(names))])
        if place is not None and place < len(row) and math.isfinite(_to_number(row[place])):
            lines.append(line)
            cells.append(row[place])
    problems = list(_merged_problems(path, str(exact), lines, cells))
    if problems:
        raise UserError(problems)
