"""Files of histories, read in blocks of users: JSON lines, CSV and parquet, told by their endings."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from recbole_metarec.errors import UserError, nearest
from recbole_metarec.inference.frames import Rows
from recbole_metarec.inference.history import History, find_unit, history_of, rows_of, stamp_of

ENDINGS = (".jsonl", ".csv", ".parquet")
USERS, PARQUET_ROWS = 2048, 200_000  # at a time


class Block(NamedTuple):
    """Histories of some users.

    Attributes
    ----------
    rows : Rows
        Of which a user may stand there several times.
    at : list
        When each of them asks; ``None`` where the file does not say.
    """

    rows: Rows
    at: list[Any]


def check_ending(path: Path, option: str) -> None:
    """Refuse a file of which the ending does not say what it is.

    Raises
    ------
    UserError
    """
    if path.suffix not in ENDINGS:
        raise UserError([f"--{option}={path}: must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"])


def read_blocks(path: Path, time_unit: str = "auto") -> Iterator[Block]:
    """Read a file of histories.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.parquet`` with the columns ``user_id``, ``item_id`` and, if it is known, ``timestamp``, the rows
        of a user one behind the other; or ``.jsonl``, each line with ``items``, a list, and if they are known
        ``user_id``, ``times`` (a list, too) and ``at``.
    time_unit : str
        See `domains.clock.find_clock`; found out in the first block otherwise.

    Yields
    ------
    Block

    Raises
    ------
    UserError
        If the file is missing or malformed.
    """
    if not path.is_file():
        raise UserError([f"{path}: no such file"])
    read = {".jsonl": _read_jsonl, ".csv": _read_csv, ".parquet": _read_parquet}[path.suffix]
    unit: str | None = None
    for histories in _in_blocks(read(path)):
        if unit is None:
            unit = find_unit(histories, time_unit, str(path))
        yield Block(rows_of(histories, unit), [each.at for each in histories])


def _in_blocks(histories: Iterable[History]) -> Iterator[list[History]]:
    block: list[History] = []
    for each in histories:
        block.append(each)
        if len(block) == USERS:
            yield block
            block = []
    if block:
        yield block


def _read_jsonl(path: Path) -> Iterator[History]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _of_line(line, f"{path}: line {number}", number)


def _of_line(line: bytes, where: str, number: int) -> History:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UserError([f"{where}: is no JSON: {error}"]) from None
    if not isinstance(found, dict) or not isinstance(found.get("items"), list):
        raise UserError([f'{where}: must be as {{"user_id": "u1", "items": ["A", "B"]}}'])
    return history_of(found.get("user_id", number), found["items"], found.get("times"), found.get("at"), where)


def _read_csv(path: Path) -> Iterator[History]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            places = _places(header, path)
            yield from _grouped(_cells(lines, len(header), places, path), path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError([f"{path}: cannot be read as CSV in UTF-8: {error}"]) from error


def _cells(lines: Any, width: int, places: list[int], path: Path) -> Iterator[tuple[Any, ...]]:
    for cells in lines:
        if cells and len(cells) != width:
            raise UserError([f"{path}: line {lines.line_num} has {len(cells)} columns, the first has {width}"])
        if cells:
            yield tuple(cells[place] or None for place in places)


def _read_parquet(path: Path) -> Iterator[History]:
    import polars as pl

    try:
        frame = pl.scan_parquet(path)
        names = frame.collect_schema().names()
        wanted = [names[place] for place in _places(names, path)]
        n_rows = int(frame.select(pl.len()).collect().item())
        slices = (frame.select(wanted).slice(begin, PARQUET_ROWS).collect() for begin in range(0, n_rows, PARQUET_ROWS))
        yield from _grouped((row for part in slices for row in part.iter_rows()), path)
    except pl.exceptions.PolarsError as error:
        raise UserError([f"{path}: is no parquet file: {' '.join(str(error).split())[:200]}"]) from error


def _places(names: list[str], path: Path) -> list[int]:
    missing = [
        f"{path}: column {name} is missing; it has {', '.join(names) or 'none'}{nearest(name, names)}"
        for name in ("user_id", "item_id")
        if name not in names
    ]
    if missing:
        raise UserError(missing)
    return [names.index(name) for name in ("user_id", "item_id", "timestamp") if name in names]


def _grouped(rows: Iterable[tuple[Any, ...]], path: Path) -> Iterator[History]:
    """Collect the rows of each user, which stand one behind the other."""
    done: set[Any] = set()
    for user, own in groupby(_whole(rows, path), key=lambda row: row[0]):
        if user in done:
            raise UserError([f"{path}: rows of user {user} stand apart; sort the file by user_id"])
        done.add(user)
        _, items, *stamps = zip(*own, strict=True)
        where = f"{path}: user {user}"
        yield History(user, [*items], [stamp_of(each, where) for each in stamps[0]] if stamps else None)


def _whole(rows: Iterable[tuple[Any, ...]], path: Path) -> Iterator[tuple[Any, ...]]:
    for number, row in enumerate(rows, 1):
        if None in row:
            column = ("user_id", "item_id", "timestamp")[row.index(None)]
            raise UserError([f"{path}: {column} of row {number} is missing; leave such rows out"])
        yield row
