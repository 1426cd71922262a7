"""A leave-one-out split of the Amazon-2023 benchmark: three tables of interactions, with or without histories.

Layout: https://github.com/hyp1231/AmazonReviews2023, benchmark_scripts/last_out_split.py.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from recbole_metarec.amazon.rawfile import RawFile
from recbole_metarec.amazon.records import BadLine, Row, check_row
from recbole_metarec.amazon.unisrec import N_PROBLEMS, PARTS
from recbole_metarec.errors import UserError

COLUMNS = ("user_id", "parent_asin", "rating", "timestamp", "history")
ENDINGS = (".csv", ".csv.gz")


class _Placed(NamedTuple):
    """A row with its history, if there is one, and where it stands."""

    row: Row
    history: str | None
    place: str


def find_parts(folder: Path) -> list[Path]:
    """Find the training part of a split; see `read_benchmark`."""
    return sorted(path for ending in ENDINGS for path in folder.glob(f"*.train{ending}"))


def read_benchmark(folder: Path) -> tuple[list[Row], list[Path]]:
    """Read a folder, and check that its parts are one sequence for each user, whose last items are left out.

    Parameters
    ----------
    folder : Path
        Has ``<name>.train.csv``, ``.valid.csv`` and ``.test.csv``, or ``.csv.gz``, with the columns `COLUMNS` or all of
        them but the history, which has the items before, separated by blanks.

    Returns
    -------
    rows : list of Row
        In chronological order; of the same time, first training, then validation, then test.
    sources : list of Path
        The files that were read.

    Raises
    ------
    UserError
        If a file is missing or malformed, or rows contradict one another.
    """
    found = find_parts(folder)
    if len(found) != 1:
        raise UserError([f"{folder}: has {len(found)} files *.train.csv; give a folder with one"])
    name, _, ending = found[0].name.rpartition(".train.")
    paths = [folder / f"{name}.{part}.{ending}" for part in PARTS]
    users: dict[str, tuple[list[_Placed], ...]] = {}
    for part, path in enumerate(paths):
        for placed in _read_part(path):
            users.setdefault(placed.row.user, ([], [], []))[part].append(placed)
    longest = max((len(placed.history.split()) for placed in _all(users) if placed.history), default=0)
    problems = [
        f"{folder}: user {user}: {problem}" for user, parts in users.items() for problem in _problems(parts, longest)
    ]
    if problems:
        more = [f"{folder}: {len(problems) - N_PROBLEMS} more"] if len(problems) > N_PROBLEMS else []
        raise UserError(problems[:N_PROBLEMS] + more)
    return sorted((placed.row for placed in _all(users)), key=lambda row: row.time), paths


def _all(users: dict[str, tuple[list[_Placed], ...]]) -> Iterator[_Placed]:
    return (placed for parts in users.values() for part in parts for placed in part)


def _read_part(path: Path) -> Iterator[_Placed]:
    lines = (line.decode("utf-8", "replace") for line in chain.from_iterable(RawFile(path).blocks()))
    header = tuple(next(lines, "").strip().split(","))
    if header not in (COLUMNS, COLUMNS[:-1]):
        raise UserError([f"{path}: line 1 must be {','.join(COLUMNS)}, or all of it but the history"])
    for number, line in enumerate(lines, 2):
        if line.strip():
            cells = next(csv.reader([line]))
            try:
                yield _place(cells, len(header), f"{path.name}, line {number}")
            except BadLine as error:
                raise UserError([f"{path}: line {number}: {error}"]) from None


def _place(cells: list[str], width: int, place: str) -> _Placed:
    if len(cells) != width:
        raise BadLine(f"must have {width} columns")
    return _Placed(check_row(*cells[:4]), cells[4] if width == len(COLUMNS) else None, place)


def _problems(parts: tuple[list[_Placed], ...], longest: int) -> Iterator[str]:
    """Find what contradicts a sequence of which the last item tests and the one before validates."""
    train, valid, test = parts
    train.sort(key=lambda placed: (placed.row.time, len((placed.history or "").split())))
    if len(test) != 1 or len(valid) != bool(train or valid):
        yield f"has {len(valid)} rows that validate and {len(test)} that test; a split by leave-one-out has one each"
        return
    sequence = [*train, *valid, *test]
    late = [later.place for earlier, later in pairwise(sequence) if later.row.time < earlier.row.time]
    if late:
        yield f"{late[0]}: is older than a row of the parts before it"
    twice = [row for row, count in Counter(placed.row for placed in sequence).items() if count > 1]
    if twice:
        yield f"item {twice[0].item} stands there twice with the same time"
    items = [placed.row.item for placed in sequence]
    for position, placed in enumerate(sequence):
        known = items[max(position - longest, 0) : position]
        if placed.history is not None and placed.history.split() != known:
            yield f"{placed.place}: the history is not what the rows before it have"
            return
