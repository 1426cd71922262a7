"""The lines of atomic files as texts, by line number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from recbole_metarec.errors import UserError

SURPLUS = "\0surplus"
"""A column behind the last one, which tells lines that have more of them."""


def read_cells(
    path: Path, names: Sequence[str], separator: str = "\t", encoding: str = "utf-8", quotes: bool = True
) -> pd.DataFrame:
    """Read the lines below the header as texts.

    Parameters
    ----------
    path : Path
        An atomic file.
    names : sequence of str
        Its columns.
    separator : str
        Column separator, one character.
    encoding : str
        Text encoding of the file.
    quotes : bool
        Whether quotation marks around a cell are no part of it, as in RecBole.

    Returns
    -------
    pandas.DataFrame
        A column for each name, blank where a line has fewer, and `SURPLUS`, whether it has more. The index has line
        numbers; blank lines are left out.

    Raises
    ------
    UserError
        If the file cannot be read, or a quotation mark begins a cell that does not end on its line.
    """
    width = len(names)
    lines, rows = [], []
    for line, cells in read_rows(path, separator, encoding, quotes):
        lines.append(line)
        rows.append([*cells[:width], *[""] * (width - len(cells)), len(cells) > width])
    return pd.DataFrame(rows, index=lines, columns=[*names, SURPLUS])


def read_rows(path: Path, separator: str, encoding: str, quotes: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Iterate over the lines below the header; see `read_cells`.

    Yields
    ------
    int, list of str
        Line number and cells of each line that is not blank.
    """
    lines = io.StringIO(_read_text(path, encoding), newline=None)
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\n")
        if number == 1 or not (line.strip() or separator in line):
            continue
        if "\0" in line:
            raise UserError([f"{path}: line {number}: has a NUL character; this is no text"])
        try:
            yield number, _unquote(line, separator) if quotes and '"' in line else line.split(separator)
        except csv.Error as error:
            raise UserError(
                [f"{path}: line {number}: a quotation mark begins a cell that it does not end ({error}); remove it"]
            ) from None


def _unquote(line: str, separator: str) -> list[str]:
    # as pandas, with which RecBole reads, but that no cell goes beyond its line
    return next(csv.reader([line], delimiter=separator, strict=True))


def _read_text(path: Path, encoding: str) -> str:
    data = path.read_bytes()
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = len((data[: error.start] + b"?").splitlines())
        raise UserError(
            [f"{path}: line {line}: not {encoding} text ({error.reason}); set encoding to that of the file"]
        ) from None


def surplus_problems(path: Path, frame: pd.DataFrame, width: int) -> list[str]:
    """Name the first line of `read_cells`' frame that has more than ``width`` columns, if there is one."""
    return [too_many(path, first_line(frame[SURPLUS]), width)] if frame[SURPLUS].any() else []


def too_many(path: Path, line: int, width: int) -> str:
    """Say that a line has more than ``width`` columns."""
    return f"{path}: line {line}: more than {width} columns; a separator at the end of a line begins one, too"


def first_line(flags: pd.Series) -> int:
    """Line number of the first row that is flagged."""
    return int(flags.index.to_numpy()[flags.to_numpy().argmax()])
