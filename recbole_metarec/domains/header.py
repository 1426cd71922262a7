"""The first line of an atomic file: names and types of its fields.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
    if not isinstance(separator, str) or not separator:
        raise UserError([f"{path}: field_separator is {separator!r}; set it to the character between columns"])
    line = _first_line(path, encoding, "replace")
    if not line:
        raise UserError([f"{path}: the file is empty; its first line must name the fields, as in user_id:token"])
    if line.startswith("\ufeff"):
        raise UserError([f"{path}: line 1 begins with a byte-order mark; save the file as UTF-8 without it"])
    fields: dict[str, str] = {}
    problems = []
    for column in line.split(separator):
        name, _, kind = column.partition(":")
        if not name or column.startswith('"') or kind not in FIELD_TYPES:
            problems.append(
                f"{path}: line 1: column {column!r} must be name:type, with type one of {', '.join(FIELD_TYPES)}"
            )
        elif name in fields:
            problems.append(f"{path}: line 1: field {name!r} stands there twice")
        fields[name] = kind
    if problems:
        _first_line(path, encoding, "strict")  # perhaps it is the encoding that is wrong
        raise UserError(problems)
    return fields


def _first_line(path: Path, encoding: str, errors: str) -> str:
    try:
        with path.open(encoding=encoding, errors=errors) as file:
            return file.readline().rstrip("\n")
    except FileNotFoundError:
        raise UserError([f"{path}: no such file"]) from None
    except OSError as error:
        raise UserError([f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"]) from None
    except (LookupError, UnicodeError) as error:
        raise UserError([f"{path}: not {encoding} text ({error}); set encoding to that of the file"]) from None


def require_fields(path: Path, header: Mapping[str, str], fields: Sequence[str]) -> None:
    """Refuse a file that lacks fields, with a `UserError`."""
    missing = [field for field in fields if field not in header]
    if missing:
        raise UserError(
            f"{path}: field {field!r} is missing; line 1 has {', '.join(f'{k}:{v}' for k, v in header.items())}"
            for field in missing
        )
