"""Interactions as arrays in a file, which later runs map into memory instead of reading texts.

The file is one of safetensors (https://github.com/huggingface/safetensors): arrays behind a header of JSON. It is used
as long as the atomic file is the one it was made from: of the same size, inode, times of change to the nanosecond, and
the same bytes in samples of it. No program can choose the time at which the system says that a file was changed last,
so that nothing needs to be read for that; the samples are for file systems that know no such time.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from logging import getLogger
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_metarec.domains.chunks import Chunks, Number
from recbole_metarec.domains.header import read_header, require_fields
from recbole_metarec.domains.missing import MISSING
from recbole_metarec.domains.plain import NotPlain, finish, read_columns, texts
from recbole_metarec.domains.sorting import exact_order
from recbole_metarec.domains.vocabulary import Codes, Words
from recbole_metarec.domains.volume import Volume, estimate, require
from recbole_metarec.files import remove_abandoned, what_failed, whole_file, why_not_written, writes

FORMAT = 1
"""Another number for each change of what is stored or of what it means."""

SMALLEST = 1 << 24
"""Bytes of an atomic file from which on it is worth a file of arrays; smaller ones are read within half a second."""

SETTLED_NS = 2 * 10**9
"""Age of a file from which on each change shows in its times, whatever the file system."""

SORTED_AT_A_TIME = 1 << 22
"""Interactions that are sorted together: less takes less memory and more time."""

_SAMPLES, _SAMPLE_BYTES = 64, 4096
_TEXTS = 1 << 18  # at a time, which take ten times as much as their bytes
_KINDS = {"offsets": "I64", "stamps": "F64", "users": "U64", "names": "U64", "items": "I32", "rows": "I32"}
_DTYPES = {"I64": "<i8", "F64": "<f8", "U64": "<u8", "I32": "<i4"}

Arrays = Mapping[str, npt.NDArray[Any]]


class Source(NamedTuple):
    """An atomic file and what is read of it.

    Attributes
    ----------
    path : Path
    user, item, time : str
        Names of the columns.
    separator, encoding : str
        See `read_interactions`.
    """

    path: Path
    user: str
    item: str
    time: str
    separator: str = "\t"
    encoding: str = "utf-8"

    @property
    def fields(self) -> list[str]:
        """The columns."""
        return [self.user, self.item, self.time]


@dataclass(frozen=True, eq=False)
class StoredInteractions:
    """Users, items and times of an atomic file, sorted by user and time; ties as in the file.

    Parameters
    ----------
    source : Source
        What they were read from.
    offsets : int64 array, shape (n_users + 1,)
        User ``u`` has the interactions from ``offsets[u]`` to ``offsets[u + 1]``, oldest first.
    items : int32 array, shape (n_interactions,)
        Ids from 1.
    stamps : float64 array, shape (n_interactions,)
        Timestamps as they stand in the file.
    rows : int32 array, shape (n_interactions,)
        Where each stands in the file, from 0.
    users, names : uint64 array, shape (n_users, n_words) and (n_items, n_words)
        Names of users and of items in order of first appearance in the file: bytes in UTF-8, padded with zeros.
    """

    source: Source
    offsets: npt.NDArray[np.int64]
    items: Codes
    stamps: npt.NDArray[np.float64]
    rows: Codes
    users: Words
    names: Words

    def __len__(self) -> int:
        return len(self.items)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of interactions of each user."""
        return np.diff(self.offsets)

    @property
    def volume(self) -> Volume:
        """How much there is."""
        return Volume(len(self), len(self.users), len(self.names))

    def item_names(self) -> list[str]:
        """Return the name of each item, from item 1."""
        return texts(self.names)

    def frame(self) -> pd.DataFrame:
        """Return what `read_plain` does."""
        users, items, stamps = np.empty(len(self), np.int32), np.empty(len(self), np.int32), np.empty(len(self))
        users[self.rows] = np.repeat(np.arange(len(self.users), dtype=np.int32), self.lengths)
        items[self.rows] = self.items
        items -= 1
        stamps[self.rows] = self.stamps
        columns = {
            self.source.user: pd.Categorical.from_codes(users, pd.Index(texts(self.users), dtype=object)),
            self.source.item: pd.Categorical.from_codes(items, pd.Index(texts(self.names), dtype=object)),
            self.source.time: stamps,
        }
        return pd.DataFrame(columns, copy=False)


def stored(source: Source, folder: str | Path | None) -> StoredInteractions | None:
    """Map the arrays of an atomic file, which are made and kept if they are not there.

    Parameters
    ----------
    source : Source
    folder : str or Path, optional
        Where they lie; ``None`` if nothing is to be kept.

    Returns
    -------
    StoredInteractions, or None
        ``None`` if the file is small, has just been written, or they cannot be kept: it is to be read without them.

    Raises
    ------
    NotPlain
        If the file is none for `read_plain`, or an id is a word for a missing value.
    UserError
        If the file is missing, has not these columns, or is more than memory can hold (`TooLarge`).
    """
    state = None if folder is None else _state_of(source.path)
    if folder is None or state is None:
        return None
    path = Path(folder) / f"{source.path.stem}-{_key(source)}.safetensors"
    found = _mapped(path, source, state)
    if found is not None or not writes():
        return found
    header = read_header(source.path, source.separator, source.encoding)
    require_fields(source.path, header, source.fields)
    if [header[field] for field in source.fields] != ["token", "token", "float"]:
        return None
    why = why_not_written(Path(folder), path.name)
    if why is None:
        volume = estimate(source.path, source.user, source.item, source.separator, source.encoding)
        require(source.path, "to be read", volume.n_interactions, volume.to_make())
        try:
            return _mapped(path, source, state) if _make(path, source, state, header) else None
        except OSError as error:
            why = what_failed(error)
    _warn(f"{source.path}: is read anew by each run, {why}; name a folder with --interaction_cache")
    return None


@cache
def _warn(line: str) -> None:
    getLogger().warning(line)


# -- which file it is -------------------------------------------------------------------------------------------------


def _key(source: Source) -> str:
    parts = [str(source.path.absolute()), *source[1:]]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _state_of(path: Path) -> dict[str, Any] | None:
    """Tell a file from all others, and from itself after a change; ``None`` if it is not worth it or cannot be told."""
    try:
        facts = path.stat()
        if facts.st_size < SMALLEST or max(facts.st_mtime_ns, facts.st_ctime_ns) > time.time_ns() - SETTLED_NS:
            return None
        content = hashlib.sha256()
        with path.open("rb") as file:
            for place in np.linspace(0, facts.st_size - _SAMPLE_BYTES, _SAMPLES, dtype=np.int64).tolist():
                file.seek(max(place, 0))
                content.update(file.read(_SAMPLE_BYTES))
    except OSError:
        return None
    numbers = {key: getattr(facts, f"st_{key}") for key in ("size", "ino", "mtime_ns", "ctime_ns")}
    return {"format": FORMAT, **numbers, "samples": content.hexdigest()}


# -- the file of arrays -----------------------------------------------------------------------------------------------


def _mapped(path: Path, source: Source, state: Mapping[str, Any]) -> StoredInteractions | None:
    """Map a file of arrays; ``None`` if there is none, it is of another state of the source, or it is damaged."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length < 1 << 16 else {}
        if header["__metadata__"] != {"source": json.dumps(state)}:
            return None
        ends = {name: header[name]["data_offsets"][1] for name in _KINDS}
        if path.stat().st_size != 8 + length + max(ends.values()):
            raise ValueError("its length is not what its header says")
        arrays = {name: _map(path, kind, header[name], 8 + length) for name, kind in _KINDS.items()}
        found = StoredInteractions(source, **arrays)
        _check(found)
        return found
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        getLogger().warning(f"{path}: is damaged and made anew: {' '.join(str(error).split())}")
        return None


def _map(path: Path, kind: str, entry: Mapping[str, Any], begin: int) -> npt.NDArray[Any]:
    """Map an array privately: what is written to, as torch might, stays in this process."""
    place = begin + entry["data_offsets"][0]
    return np.memmap(path, _DTYPES[kind], "c", place, tuple(entry["shape"])).view(np.ndarray)


def _check(found: StoredInteractions) -> None:
    """Check what would read or write beyond the arrays."""
    n_rows, n_items, offsets = len(found.items), len(found.names), found.offsets
    if not (len(found.stamps) == len(found.rows) == n_rows == offsets[-1] and len(offsets) == len(found.users) + 1):
        raise ValueError("its arrays do not match")
    if offsets[0] != 0 or (np.diff(offsets) < 1).any() or found.items.min() < 1 or found.items.max() > n_items:
        raise ValueError("its ids are none")


def _make(path: Path, source: Source, state: Mapping[str, Any], header: Mapping[str, str]) -> bool:
    """Read an atomic file and write its arrays, unless it changes meanwhile."""
    tokens, numbers = read_columns(source.path, header, source.fields, source.separator, source.encoding)
    users, items = tokens[source.user], tokens[source.item]
    user_words, item_words = finish(users), finish(items)
    for words in (user_words, item_words):
        for begin in range(0, len(words), _TEXTS):
            if not MISSING.isdisjoint(texts(words[begin : begin + _TEXTS])):
                raise NotPlain
    if _state_of(source.path) != state:  # changed while it was read
        return False
    lengths = np.zeros(len(user_words), np.int64)
    for codes in users.codes.arrays:
        lengths += np.bincount(codes, minlength=len(lengths))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    shapes = {name: (len(users.codes),) for name in _KINDS}
    shapes |= {"offsets": offsets.shape, "users": user_words.shape, "names": item_words.shape}
    remove_abandoned(path.parent)
    with whole_file(path) as file:
        places = _write_header(file, shapes, {"source": json.dumps(state)})
        for name, array in (("offsets", offsets), ("users", user_words), ("names", item_words)):
            _write(file, places[name], array)
        at = 0
        for part in _sorted_parts(users.codes, items.codes, numbers[source.time], offsets):
            for name, array in part.items():
                _write(file, places[name] + at * array.itemsize, array)
            at += len(part["rows"])
    return True


def _write_header(file: BinaryIO, shapes: Mapping[str, Sequence[int]], metadata: Mapping[str, str]) -> dict[str, int]:
    """Write what stands before the arrays, and return where in the file each of these begins."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, kind in _KINDS.items():  # those of 8 bytes first, so that all are aligned
        begin, end = end, end + math.prod(shapes[name]) * np.dtype(_DTYPES[kind]).itemsize
        entries[name] = {"dtype": kind, "shape": list(shapes[name]), "data_offsets": [begin, end]}
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    return {name: 8 + len(text) + entries[name]["data_offsets"][0] for name in _KINDS}


def _write(file: BinaryIO, place: int, array: npt.NDArray[Any]) -> None:
    file.seek(place)
    file.write(np.ascontiguousarray(array).data)


def _sorted_parts(
    users: Chunks[np.int32], items: Chunks[np.int32], stamps: Chunks[np.float64], offsets: npt.NDArray[np.int64]
) -> Iterator[Arrays]:
    """Yield the sorted interactions of some users after those of others, so that not all are sorted at once."""
    begin, n_users = 0, len(offsets) - 1
    starts = np.cumsum([0, *map(len, users.arrays)])
    while begin < n_users:
        end = max(begin + 1, int(np.searchsorted(offsets, offsets[begin] + SORTED_AT_A_TIME, "right")) - 1)
        chosen = [np.flatnonzero((codes >= begin) & (codes < end)) for codes in users.arrays]
        part_users, part_items = (_gathered(column, chosen) for column in (users, items))
        part_stamps = _gathered(stamps, chosen)
        part_rows = np.concatenate([rows + start for rows, start in zip(chosen, starts, strict=False)])
        order = exact_order(part_users - np.int32(begin), part_stamps)
        yield {
            "items": part_items[order] + np.int32(1),
            "stamps": part_stamps[order],
            "rows": part_rows[order].astype(np.int32),
        }
        begin = end


def _gathered(column: Chunks[Number], chosen: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[Number]:
    return np.concatenate([array[rows] for array, rows in zip(column.arrays, chosen, strict=True)])
