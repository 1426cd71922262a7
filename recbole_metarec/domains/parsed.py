"""Interactions that a check has read, kept for those who train on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

MOST_BYTES = 1 << 28
"""Of all frames that are kept; the oldest go first."""

SETTLED_NS = 10**8
"""Age of a file from which on each change shows in its time."""


class _Content(NamedTuple):
    """What a frame was read from; another one if the file has changed."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    separator: str
    encoding: str


class _Kept(NamedTuple):
    frame: pd.DataFrame
    n_bytes: int


_kept: dict[_Content, _Kept] = {}


def content_of(path: Path, separator: str, encoding: str) -> _Content | None:
    """Identify what is in a file now; ``None`` if there is none, or it was written a moment ago."""
    try:
        status = path.stat()
    except OSError:
        return None
    if status.st_mtime_ns > time.time_ns() - SETTLED_NS:
        return None
    return _Content(str(path.absolute()), status.st_size, status.st_mtime_ns, status.st_ino, separator, encoding)


def keep(content: _Content | None, frame: pd.DataFrame) -> None:
    """Keep a frame that was read with `read_plain`, as long as there is room.

    Parameters
    ----------
    content : as `content_of` returns
        Asked for before the file was read.
    frame : pandas.DataFrame
        Not to be changed from now on.
    """
    if content is None:
        return
    _kept[content] = _Kept(frame, int(frame.memory_usage(deep=True).sum()))
    while sum(kept.n_bytes for kept in _kept.values()) > MOST_BYTES:
        del _kept[next(iter(_kept))]


def look(content: _Content | None, fields: Sequence[str]) -> pd.DataFrame | None:
    """Return the columns of a frame that is kept, if they are; it stays."""
    kept = None if content is None else _kept.get(content)
    return None if kept is None else _columns(kept.frame, fields)


def take(content: _Content | None, fields: Sequence[str]) -> pd.DataFrame | None:
    """Return the columns of a frame that is kept, if they are, to be changed at will; it is kept no longer."""
    kept = None if content is None else _kept.pop(content, None)
    return None if kept is None else _columns(kept.frame, fields)


def _columns(frame: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame | None:
    if not {*fields} <= {*frame}:
        return None
    return pd.DataFrame({field: frame[field].array for field in fields}, copy=False)
