"""RecBole's atomic interaction files, read with every line checked.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_metarec.data.plain import NotPlain, read_plain
from recbole_metarec.errors import UserError

# A column behind the last one, to catch what does not belong to any.
SURPLUS = "\0surplus"

FIELD_TYPES = ("token", "float", "token_seq", "float_seq")


def read_header(path: Path, separator: str = "\t", encoding: str = "utf-8") -> dict[str, str]:
    """Read the first line of an atomic file.

    Parameters
    ----------
    path : Path
        An atomic file.
    separator : str
        Column separator.
    encoding : str
        Text encoding of the file.

    Returns
    -------
    dict of str to str
        Field name to field type, in column order.

    Raises
    ------
    UserError
        If the file is missing or empty, or a column is not ``name:type``.
    """
    if not path.is_file():
        raise UserError([f"{path}: no such file"])
    try:
        with path.open(encoding=encoding) as file:
            line = file.readline().rstrip("\r\n")
    except (LookupError, UnicodeError) as error:
        raise UserError([f"{path}: not {encoding} text ({error}); set encoding to that of the file"]) from None
    if not line:
        raise UserError([f"{path}: the file is empty; its first line must name the fields, as in user_id:token"])
    if line.startswith("\ufeff"):
        raise UserError([f"{path}: line 1 begins with a byte-order mark; save the file as UTF-8 without it"])
    fields: dict[str, str] = {}
    problems = []
    for column in line.split(separator):
        name, _, kind = column.partition(":")
        if not name or kind not in FIELD_TYPES:
            problems.append(
                f"{path}: line 1: column {column!r} must be name:type, with type one of {', '.join(FIELD_TYPES)}"
            )
        elif name in fields:
            problems.append(f"{path}: line 1: field {name!r} stands there twice")
        fields[name] = kind
    if problems:
        raise UserError(problems)
    return fields


def read_interactions(
    path: Path, fields: Sequence[str], separator: str = "\t", encoding: str = "utf-8"
) -> pd.DataFrame:
    """Read token and float columns of an ``.inter`` file, and check every line of them.

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
        One row an interaction in file order; token columns as categories, float columns as ``float64``.

    Raises
    ------
    UserError
        If the file is missing, empty or malformed: all problems, with the number of the first line of each.
    """
    header = read_header(path, separator, encoding)
    missing = [field for field in fields if field not in header]
    if missing:
        raise UserError(
            f"{path}: field {field!r} is missing; line 1 has {', '.join(f'{k}:{v}' for k, v in header.items())}"
            for field in missing
        )
    try:
        return read_plain(path, header, fields, separator, encoding)
    except NotPlain:
        return _read_closely(path, header, fields, separator, encoding)


def _read_closely(
    path: Path, header: Mapping[str, str], fields: Sequence[str], separator: str, encoding: str
) -> pd.DataFrame:
    """Read what is not plain, and name all that is wrong with it."""
    frame = read_cells(path, list(header), separator, encoding)
    if frame.empty:
        raise UserError([f"{path}: no interactions below line 1"])
    problems = surplus_problems(path, frame, len(header))
    for field in fields[:2]:
        blank = frame[field].isna() | (frame[field].str.strip() == "")
        if blank.any():
            problems.append(f"{path}: line {first_line(blank)}: {field} is blank ({int(blank.sum())} such lines)")
        quoted = frame[field].str.startswith('"', na=False)
        if quoted.any():
            problems.append(
                f"{path}: line {first_line(quoted)}: {field} begins with a quotation mark, which RecBole takes for the "
                f"start of a quoted cell; remove it ({int(quoted.sum())} such lines)"
            )
    for field in fields:
        if header[field] == "float":
            numbers = pd.to_numeric(frame[field], errors="coerce").astype(np.float64)
            bad = pd.Series(~np.isfinite(numbers.to_numpy()), index=frame.index)
            if bad.any():
                line, value = first_line(bad), frame[field].to_numpy()[bad.to_numpy().argmax()]
                problems.append(
                    f"{path}: line {line}: {field} {value!r} is not a finite number ({int(bad.sum())} such lines)"
                )
            frame[field] = numbers
    if problems:
        raise UserError(problems)
    frame = frame[list(fields)].reset_index(drop=True)
    return frame.astype({field: "category" for field in fields if header[field] != "float"})


def read_cells(path: Path, names: list[str], separator: str = "\t", encoding: str = "utf-8") -> pd.DataFrame:
    """Read the lines below the header as texts.

    Parameters
    ----------
    path : Path
        An atomic file.
    names : list of str
        Its columns.
    separator : str
        Column separator.
    encoding : str
        Text encoding of the file.

    Returns
    -------
    pandas.DataFrame
        A column for each name; the index keeps count of blank lines, which are left out.

    Raises
    ------
    UserError
        If a line has more columns, or the file cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                header=None,
                index_col=False,
                skiprows=1,
                names=[*names, SURPLUS],
                dtype=str,
                keep_default_na=False,
                quoting=csv.QUOTE_NONE,
                skip_blank_lines=False,
                encoding=encoding,
                engine="c",
            )
    except UnicodeError as error:
        raise UserError([f"{path}: not {encoding} text ({error}); set encoding to that of the file"]) from None
    except pd.errors.ParserWarning:
        raise UserError([_too_many(path, 2, len(names))]) from None
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=[*names, SURPLUS], dtype=str)
    except pd.errors.ParserError as error:
        found = re.search(r"line (\d+)", str(error))
        problem = _too_many(path, int(found[1]), len(names)) if found else f"{path}: cannot be read: {error}"
        raise UserError([" ".join(problem.split())]) from None
    blank = (frame.isna() | (frame == "")).all(axis=1)
    return frame.loc[~blank]


def surplus_problems(path: Path, frame: pd.DataFrame, width: int) -> list[str]:
    """Name the first line of `read_cells`' frame that has more than ``width`` columns, if there is one."""
    surplus = frame[SURPLUS].notna() & (frame[SURPLUS] != "")
    return [_too_many(path, first_line(surplus), width)] if surplus.any() else []


def _too_many(path: Path, line: int, width: int) -> str:
    return f"{path}: line {line}: more than {width} columns"


def first_line(flags: pd.Series) -> int:
    """Line number of the first row that is flagged."""
    return int(np.asarray(flags.index)[flags.to_numpy().argmax()]) + 2
