"""RecBole's atomic interaction files, read with every line checked.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_metarec.errors import UserError

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
    with path.open(encoding=encoding, errors="replace") as file:
        line = file.readline().rstrip("\r\n")
    if not line:
        raise UserError([f"{path}: the file is empty; its first line must name the fields, as in user_id:token"])
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
        One row an interaction in file order; token columns as ``str``, float columns as ``float64``.

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
    width = len(header)
    try:
        frame = pd.read_csv(
            path,
            sep=separator,
            header=None,
            skiprows=1,
            names=[*header, "\0surplus"],
            dtype=str,
            keep_default_na=False,
            encoding=encoding,
            engine="c",
        )
    except UnicodeDecodeError as error:
        raise UserError([f"{path}: not {encoding} text ({error.reason}); set encoding to that of the file"]) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError([f"{path}: cannot be read as columns: {error}"]) from None
    if frame.empty:
        raise UserError([f"{path}: no interactions below line 1"])
    problems = []
    surplus = frame["\0surplus"].notna() & (frame["\0surplus"] != "")
    if surplus.any():
        problems.append(f"{path}: line {_first(surplus)}: more than {width} columns")
    for field in fields[:2]:
        blank = frame[field].isna() | (frame[field] == "")
        if blank.any():
            problems.append(f"{path}: line {_first(blank)}: {field} is blank ({int(blank.sum())} such lines)")
    for field in fields:
        if header[field] == "float":
            numbers = pd.to_numeric(frame[field], errors="coerce").astype(np.float64)
            bad = pd.Series(~np.isfinite(numbers.to_numpy()))
            if bad.any():
                line, value = _first(bad), frame[field][bad.to_numpy().argmax()]
                problems.append(
                    f"{path}: line {line}: {field} {value!r} is not a finite number ({int(bad.sum())} such lines)"
                )
            frame[field] = numbers
    if problems:
        raise UserError(problems)
    return frame[list(fields)]


def _first(flags: pd.Series) -> int:
    return int(flags.to_numpy().argmax()) + 2
