"""Plain atomic files read block by block into codes: no text is kept but each token once."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

BLOCK_BYTES = 1 << 22
LONGEST_TOKEN = 64
LONGEST_NUMBER = 24
# Integers below, and their quotients by powers of ten up to 22, are read alike by every parser; quotients of integers
# below half of it are also told from one another.
EXACT = 2.0**53

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.int32]


class NotPlain(Exception):
    """The file holds what needs a reader of all the format's rules, or is broken."""


def read_plain(
    path: Path, header: Mapping[str, str], fields: Sequence[str], separator: str = "\t", encoding: str = "utf-8"
) -> pd.DataFrame:
    """Read token and float columns of a UTF-8 atomic file whose cells mean what stands there.

    That is, no quotation mark, every line with all columns, of those asked for no token that is blank, begins or ends
    with a blank, or has above ``LONGEST_TOKEN`` bytes, and numbers without exponent and exact in double precision.
    Blank lines and line ends of any kind are fine.

    Parameters
    ----------
    path : Path
        The file.
    header : mapping of str to str
        Field name to type of all columns, from `read_header`.
    fields : sequence of str
        Columns to read, in this order.
    separator : str
        Column separator.
    encoding : str
        Text encoding of the file.

    Returns
    -------
    pandas.DataFrame
        One row a line, in file order; token columns as categories in order of first appearance, float columns as
        ``float64``.

    Raises
    ------
    NotPlain
        If the file is not as described, and always if another reader would read anything else.
    """
    names = list(header)
    if codecs.lookup(encoding).name != "utf-8" or not fields:
        raise NotPlain
    if len(separator.encode()) != 1 or separator in '\r\n"' or {header[name] for name in fields} - {"token", "float"}:
        raise NotPlain
    tokens = {name: _Tokens() for name in fields if header[name] == "token"}
    numbers: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in fields if header[name] == "float"}
    n_rows = 0
    for block in _blocks(path):
        cells = _cells(block, len(names), separator)
        n_rows += cells.n_rows
        for name, column in tokens.items():
            column.add(cells.column(names.index(name), LONGEST_TOKEN)[0])
        for name, parts in numbers.items():
            parts.append(_to_numbers(*cells.column(names.index(name), LONGEST_NUMBER)))
    if not n_rows:
        raise NotPlain
    columns = {
        name: tokens.pop(name).finish() if name in tokens else np.concatenate(numbers.pop(name)) for name in fields
    }
    return pd.DataFrame(columns, copy=False)


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield whole lines below the header, none of them blank."""
    with path.open("rb") as file:
        if b"\r" in file.readline().rstrip(b"\r\n"):
            raise NotPlain
        while block := file.read(BLOCK_BYTES):
            block += file.readline()
            if b'"' in block or b"\0" in block:
                raise NotPlain
            if not block.isascii():
                _decode(block)
            if b"\r" in block or b"\n\n" in block or block.startswith(b"\n"):
                block = re.sub(rb"[\r\n]+", b"\n", block).lstrip(b"\n")
            if block:
                yield block if block.endswith(b"\n") else block + b"\n"


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise NotPlain from None


@dataclass
class _Cells:
    """Where the cells of a block begin and end; ``text`` goes on for a longest cell behind the last."""

    text: Bytes
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    @property
    def n_rows(self) -> int:
        return len(self.ends)

    def column(self, index: int, longest: int) -> tuple[Bytes, npt.NDArray[np.int64]]:
        """Return a column's cells, shape (n_rows, a multiple of 8), zeros behind them, and their lengths."""
        begins = self.begins[:, index]
        lengths = self.ends[:, index] - begins
        if lengths.min() == 0 or lengths.max() > longest:
            raise NotPlain
        width = -(-int(lengths.max()) // 8) * 8
        cells = np.lib.stride_tricks.sliding_window_view(self.text, width)[begins]
        within = np.arange(width) < np.arange(width + 1)[:, None]
        words = cells.view(np.uint64)
        words &= (within * np.uint8(255)).view(np.uint64)[lengths]
        return cells, lengths


def _cells(block: bytes, n_columns: int, separator: str) -> _Cells:
    text = np.frombuffer(block + bytes(LONGEST_TOKEN), np.uint8)
    ends = np.flatnonzero((text == ord(separator)) | (text == ord("\n")))
    if len(ends) % n_columns:
        raise NotPlain
    begins = np.concatenate([[0], ends[:-1] + 1]).reshape(-1, n_columns)
    ends = ends.reshape(begins.shape)
    if (text[ends[:, :-1]] != ord(separator)).any() or (text[ends[:, -1]] != ord("\n")).any():
        raise NotPlain
    return _Cells(text, begins, ends)


def _to_numbers(cells: Bytes, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    characters = np.ascontiguousarray(cells.T)
    digits, point, minus = characters - np.uint8(ord("0")), characters == ord("."), characters[0] == ord("-")
    is_digit = digits < 10
    n_digits, n_points = (flags.sum(0, dtype=np.uint8) for flags in (is_digit, point))
    if (n_digits == 0).any() or (n_points > 1).any() or (n_digits + n_points + minus != lengths).any():
        raise NotPlain
    numbers = np.zeros(len(cells))
    for digit, present in zip(digits, is_digit, strict=True):
        numbers = np.where(present, 10 * numbers + digit, numbers)
    decimals = np.where(n_points, lengths - 1 - point.argmax(0), 0)
    if (numbers >= np.where(decimals, EXACT / 2, EXACT)).any():
        raise NotPlain
    numbers /= 10.0**decimals
    return np.negative(numbers, out=numbers, where=minus)


@dataclass
class _Tokens:
    """A column of tokens: of each block the distinct ones, and their numbers row by row."""

    codes: list[Codes] = field(default_factory=list)
    distinct: list[Words] = field(default_factory=list)

    def add(self, cells: Bytes) -> None:
        words = cells.view(np.uint64)
        codes, first = _number(words)
        self.codes.append(codes)
        self.distinct.append(words[first])

    def finish(self) -> pd.Categorical:
        n_words = max(words.shape[1] for words in self.distinct)
        starts = np.cumsum([0, *map(len, self.distinct)])
        words = np.zeros((starts[-1], n_words), np.uint64)
        for start in starts[:-1]:
            part = self.distinct.pop(0)
            words[start : start + len(part), : part.shape[1]] = part
        numbers, first = _number(words)
        codes = np.concatenate([numbers[start:][codes] for start, codes in zip(starts, self.codes, strict=False)])
        tokens = [_decode(token) for token in words[first].view(f"S{8 * n_words}")[:, 0].tolist()]
        if any(not token or token != token.strip() for token in tokens):
            raise NotPlain
        return pd.Categorical.from_codes(codes, pd.Index(tokens, dtype=object))


def _number(words: Words) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Return each row's number, equal rows alike and in order of first appearance, and the first row of each number."""
    hashes = np.zeros(len(words), np.uint64)
    for column in words.T:
        hashes = (hashes ^ column) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    codes, distinct = pd.factorize(hashes)
    first = np.empty(len(distinct), np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    if any((column != column[first][codes]).any() for column in words.T):  # two tokens with one hash
        raise NotPlain
    return codes.astype(np.int32), first
