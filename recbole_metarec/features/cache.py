"""What is computed of features, on disk, by the hash of what it was computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from logging import getLogger
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

from recbole_metarec.features.arrays import UNREADABLE
from recbole_metarec.files import whole_file, writes

Stored = npt.NDArray[np.float16]
Made = TypeVar("Made")


def digest(parts: Iterable[str]) -> str:
    """Hash texts; where one ends and the next begins counts."""
    content = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        content.update(f"{len(encoded)}:".encode() + encoded)
    return content.hexdigest()


def kept(
    path: Path, read: Callable[[Path], Made], make: Callable[[], Made], write: Callable[[BinaryIO, Made], object]
) -> Made:
    """Return what a file of the cache holds; where it is missing or damaged, or cannot be written, make it.

    Parameters
    ----------
    path : Path
        The file.
    read : callable
        Reads it.
    make : callable
        Makes what it holds.
    write : callable
        Writes that to an open file.

    Returns
    -------
    Made
    """
    if path.exists():
        try:
            return read(path)
        except UNREADABLE as error:
            getLogger().warning(f"{path}: is damaged and computed anew: {' '.join(str(error).split())}")
    made = make()
    if not writes():
        return made
    try:
        with whole_file(path) as file:
            write(file, made)
    except OSError as error:
        getLogger().warning(f"{path}: cannot be written, the next run computes it again: {error.strerror}")
        return made
    return read(path)


def cached(folder: Path, key: str, compute: Callable[[], npt.NDArray[np.float32]]) -> Stored:
    """Return an array, computed at most once.

    Parameters
    ----------
    folder : Path
        Where it lies or is written to.
    key : str
        A `digest` of everything that decides it.
    compute : callable
        Computes the array.

    Returns
    -------
    float16 array
        Memory-mapped if it can be written.
    """
    return kept(folder / f"{key}.npy", _read, lambda: compute().astype(np.float16), np.save)


def _read(path: Path) -> Stored:
    mapped = np.load(path, mmap_mode="r")
    if not isinstance(mapped, np.ndarray) or mapped.dtype != np.float16 or mapped.ndim != 2:
        raise ValueError("is no array of features")
    return mapped
