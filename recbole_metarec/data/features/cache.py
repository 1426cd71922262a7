"""Computed features on disk, by the hash of what they were computed from: float16, memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recbole_metarec.files import whole_file

Stored = npt.NDArray[np.float16]


def digest(parts: Iterable[str]) -> str:
    """Hash texts; where one ends and the next begins counts."""
    content = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        content.update(f"{len(encoded)}:".encode() + encoded)
    return content.hexdigest()


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
        Memory-mapped.
    """
    path = folder / f"{key}.npy"
    if not path.exists():
        array = compute().astype(np.float16)
        with whole_file(path) as file:
            np.save(file, array)
    mapped: Stored = np.load(path, mmap_mode="r")
    return mapped
