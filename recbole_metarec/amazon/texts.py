"""Texts of users and items as SASRec, P5 and their followers publish them; what only looks like one is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from recbole_metarec.amazon.rawfile import RawFile
from recbole_metarec.domains.atomic import NUMBER
from recbole_metarec.domains.missing import MISSING
from recbole_metarec.errors import UserError

IDENTITY = re.compile(r"[\w#-]+")
# Numbers of so many digits, in the last column of every line, are times.
DIGITS_OF_TIME = 9
_HEADS = ("user", "user_id", "userid", "uid", "reviewerid")
_FORM = "a text has lines of `user item` or `user item item ...`, with blanks between them"
_TABLE = (
    "as in a table; with a first line such as user_id:token item_id:token timestamp:float, and tabs between columns, "
    "it is an .inter file and needs no import"
)


class _Line(NamedTuple):
    number: int
    words: list[str]


def read_sequences(path: Path) -> dict[str, list[str]]:
    """Read a text of lines ``user item`` or ``user item item ...``.

    Parameters
    ----------
    path : Path
        The text, compressed or not; a user's lines follow one another in time.

    Returns
    -------
    dict of str to list of str
        Items of each user, oldest first, users in the order of their first lines.

    Raises
    ------
    UserError
        If there is no such text: it cannot be read, a line has no item, or the lines have the shape of something else,
        such as a table with ratings and times, JSON, comma-separated columns, or a line with the names of columns.
    """
    lines = list(_read_lines(path))
    problems = list(_word_problems(lines)) or list(_shape_problems(lines))
    if problems:
        more = [f"{len(problems) - 5} more such lines"] if len(problems) > 5 else []
        raise UserError(f"{path}: {problem}" for problem in problems[:5] + more)
    sequences: dict[str, list[str]] = {}
    for _, (user, *items) in lines:
        sequences.setdefault(user, []).extend(items)
    return sequences


def _read_lines(path: Path) -> Iterator[_Line]:
    for number, line in enumerate(chain.from_iterable(RawFile(path).blocks()), 1):
        try:
            words = line.decode().split()
        except UnicodeDecodeError as error:
            raise UserError([f"{path}: line {number}: cannot be read: {error.reason}; {_FORM}"]) from None
        if words:
            yield _Line(number, words)


def _word_problems(lines: Sequence[_Line]) -> Iterator[str]:
    """Find words that are no identities, and lines of one."""
    if not lines:
        yield f"no lines of `user item item ...`; {_FORM}"
    elif lines[0].words[0][0] in "{[":
        yield f"line {lines[0].number}: begins as JSON does; {_FORM}"
        return
    for number, words in lines:
        wrong = [word for word in words if not IDENTITY.fullmatch(word) or word in MISSING]
        if wrong:
            why = f"is a rating or a time, {_TABLE}" if NUMBER.fullmatch(wrong[0]) else f"is no identity; {_FORM}"
            yield f"line {number}: {wrong[0][:40]!r} {why}"
            return
    for number, words in lines:
        if len(words) == 1:
            yield f"line {number}: {words[0][:40]!r} alone; write `user item item ...`"


def _shape_problems(lines: Sequence[_Line]) -> Iterator[str]:
    """Tell tables, and lines that name columns, by what all lines have in common."""
    rows = [words for _, words in lines]
    first, *others = rows
    if first[0].lower() in _HEADS or (others and not _has_digit(first) and all(map(_has_digit, others))):
        yield f"line {lines[0].number}: {' '.join(first)[:40]!r} names columns; leave that line out"
        rows = others or rows
    widths = {len(words) for words in rows}
    repeated = len({words[0] for words in rows}) < len(rows)
    if min(widths) > 2 and repeated:
        yield f"the same user stands on several lines of {_counted(widths)} columns, {_TABLE}"
    elif min(widths) > 2 and len(widths) == 1 and all(_is_time(words[-1]) for words in rows):
        yield f"the last of {_counted(widths)} columns is a time, {_TABLE}"


def _has_digit(words: Sequence[str]) -> bool:
    return any(character.isdecimal() for word in words for character in word)


def _is_time(word: str) -> bool:
    return word.isdecimal() and len(word) >= DIGITS_OF_TIME


def _counted(widths: set[int]) -> str:
    low, high = min(widths), max(widths)
    return f"{low}" if low == high else f"{low} to {high}"
