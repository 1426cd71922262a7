"""Plain atomic files read block by block into codes: no text is kept but each token once."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_metarec.domains.chunks import Chunks
from recbole_metarec.domains.vocabulary import SameHash, Vocabulary, Words

BLOCK_BYTES = 1 << 22
LONGEST_TOKEN = 64
LONGEST_NUMBER = 24
# Integers below, and their quotients by powers of ten up to 22, are read alike by every parser; quotients of integers
# below half of it are also told from one another.
EXACT = 2.0**53

Bytes = npt.NDArray[np.uint8]


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
    tokens, numbers = read_columns(path, header, fields, separator, encoding)
    columns = {
        name: _to_category(tokens.pop(name)) if name in tokens else numbers.pop(name).take_all() for name in fields
    }
    return pd.DataFrame(columns, copy=False)


def read_columns(
    path: Path, header: Mapping[str, str], fields: Sequence[str], separator: str = "\t", encoding: str = "utf-8"
) -> tuple[dict[str, Vocabulary], dict[str, Chunks[np.float64]]]:
    """Read columns as `read_plain` does, and leave them in pieces.

    Returns
    -------
    tokens : dict of str to Vocabulary
        The token columns, which are not finished.
    numbers : dict of str to Chunks of float64
        The float columns.

    Raises
    ------
    NotPlain
    """
    names = list(header)
    if codecs.lookup(encoding).name != "utf-8" or not fields:
        raise NotPlain
    if len(separator.encode()) != 1 or separator in '\r\n"' or {header[name] for name in fields} - {"token", "float"}:
        raise NotPlain
    tokens = {name: Vocabulary() for name in fields if header[name] == "token"}
    numbers = {name: Chunks(np.float64) for name in fields if header[name] == "float"}
    n_rows = 0
    for block in _blocks(path):
        cells = _cells(block, len(names), separator)
        n_rows += cells.n_rows
        for name, column in tokens.items():
            words = cells.column(names.index(name), LONGEST_TOKEN)[0].view(np.uint64)
            try:
                column.add(words)
            except SameHash:
                raise NotPlain from None
        for name, parts in numbers.items():
            parts.append(_to_numbers(*cells.column(names.index(name), LONGEST_NUMBER)))
    if not n_rows:
        raise NotPlain
    return tokens, numbers


def finish(column: Vocabulary) -> Words:
    """Return the tokens of a column that has been read, in order of their numbers; see `texts`."""
    try:
        return column.finish()
    except SameHash:
        raise NotPlain from None


def texts(words: Words) -> list[str]:
    """Return tokens as texts.

    Parameters
    ----------
    words : uint64 array, shape (n_tokens, n_words)
        Their bytes in UTF-8, padded with zeros.

    Returns
    -------
    list of str

    Raises
    ------
    NotPlain
        If one is blank, or begins or ends with a blank.
    """
    found = [_decode(token) for token in np.ascontiguousarray(words).view(f"S{8 * words.shape[1]}")[:, 0].tolist()]
    if any(not token or token != token.strip() for token in found):
        raise NotPlain
    return found


def _to_category(column: Vocabulary) -> pd.Categorical:
    tokens = texts(finish(column))
    return pd.Categorical.from_codes(column.codes.take_all(), pd.Index(tokens, dtype=object))


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
