"""How much is in an atomic file, told from samples of it, and how much memory that takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recbole_metarec.domains.header import read_header
from recbole_metarec.memory import TooLarge, in_words, memory_size

SAMPLES, SAMPLE_BYTES = 64, 1 << 16

# Bytes, measured with peaks of 1 to 30 million interactions (benchmarks/large.py).
_BEFORE = 4.5e7  # blocks of the file, and what hangs on nothing
_ROW = 16  # two codes and a timestamp
_SORTED, _MOST_SORTED = 65, 6.5e6  # of each row that is sorted at a time
_WORD = 42  # a token among the others, while they are looked up
_TEXT = 180  # a token that is a text
_JOINED = 8  # the longest column, while its pieces are put together
_TARGET = 92  # rows of a target: numbers of 64 bits in RecBole's tables, before and after they are sorted


class Volume(NamedTuple):
    """What is in a file.

    Attributes
    ----------
    n_interactions, n_users, n_items : float
        Estimates.
    """

    n_interactions: float
    n_users: float
    n_items: float

    def to_make(self) -> float:
        """Bytes in memory while arrays of the file are made; see `stored`."""
        tokens = _WORD * (self.n_users + self.n_items)
        return _BEFORE + _ROW * self.n_interactions + tokens + _SORTED * min(self.n_interactions, _MOST_SORTED)

    def to_read(self) -> float:
        """Bytes in memory while `read_plain` reads the file."""
        return _BEFORE + (_ROW + _JOINED) * self.n_interactions + _TEXT * (self.n_users + self.n_items)

    def as_target(self) -> float:
        """Bytes in memory while a target is read and split."""
        return _BEFORE + _TARGET * self.n_interactions + _TEXT * (self.n_users + self.n_items)


def estimate(path: Path, user: str, item: str, separator: str = "\t", encoding: str = "utf-8") -> Volume:
    """Estimate how much is in an atomic file, from samples all over it.

    Ids that are in one sample only and those that are in two tell how many are in none (A. Chao, Biometrics 43, 1987).

    Parameters
    ----------
    path : Path
    user, item : str
        Columns of the ids.
    separator, encoding
        See `read_interactions`.

    Returns
    -------
    Volume
    """
    names = list(read_header(path, separator, encoding))
    places, cut = [names.index(user), names.index(item)], separator.encode(encoding)
    size = path.stat().st_size
    seen: list[list[set[bytes]]] = [[], []]
    n_bytes = n_rows = 0
    with path.open("rb") as file:
        for begin in np.unique(np.linspace(0, max(size - SAMPLE_BYTES, 0), SAMPLES, dtype=np.int64)).tolist():
            file.seek(begin)
            lines = file.read(SAMPLE_BYTES).split(b"\n")[1:-1]  # the others may be parts
            rows = [cells for cells in (line.split(cut) for line in lines) if len(cells) == len(names)]
            n_bytes += sum(len(line) + 1 for line in lines)
            n_rows += len(rows)
            for ids, place in zip(seen, places, strict=True):
                ids.append({cells[place] for cells in rows})
    n_interactions = size * n_rows / max(n_bytes, 1)
    return Volume(n_interactions, *(_number(ids, n_interactions / max(n_rows, 1)) for ids in seen))


def _number(samples: Sequence[set[bytes]], times: float) -> float:
    """Estimate how many different ids there are in a file of so many times the samples' size."""
    counts = Counter(Counter(token for ids in samples for token in ids).values())
    most = times * sum(map(len, samples))  # if none were in two samples
    return min(counts.total() + counts[1] * (counts[1] - 1) / (2 * (counts[2] + 1)), most)


def require(path: Path, what: str, n_interactions: float, n_bytes: float) -> None:
    """Refuse what is more than memory.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it is read for, as in ``to be read``.
    n_interactions, n_bytes : float
        How many there are, and what they take.

    Raises
    ------
    TooLarge
        It names what would fit.
    """
    there = memory_size()
    if n_bytes > there:
        fitting = n_interactions * there / n_bytes
        takes = f"{_millions(n_interactions)} interactions take about {in_words(n_bytes)} of memory {what}"
        fits = f"{_millions(fitting)} interactions would fit"
        raise TooLarge([f"{path}: {takes}, and there are {in_words(there)}; leave users out, {fits}"])


def _millions(number: float) -> str:
    return f"about {number / 1e6:,.1f} million" if number >= 1e5 else f"{number:,.0f}"
