"""Arrays in ``.npz`` files, read without unpickling."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

UNREADABLE = (OSError, EOFError, ValueError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What numpy raises for files that are damaged, encrypted, packed in an unknown way, pickled, or no files."""


def read_arrays(path: Path, names: Sequence[str]) -> list[npt.NDArray[Any]]:
    """Read arrays of an ``.npz`` file.

    Parameters
    ----------
    path : Path
        The file.
    names : sequence of str
        Names of the arrays.

    Returns
    -------
    list of array
        In the order of the names.

    Raises
    ------
    ValueError
        If the file cannot be read or lacks an array: the reason, in one line.
    """
    try:
        file = np.load(path)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array; write it with numpy.savez")
        with file:
            found = {name: file[name] for name in names if name in file}
    except UNREADABLE as error:
        raise ValueError(f"is no .npz file of arrays: {' '.join(str(error).split())}") from None
    missing = [name for name in names if not isinstance(found.get(name), np.ndarray)]
    if missing:
        raise ValueError(f"has no array {' and no '.join(missing)}; it must hold {' and '.join(names)}")
    return [found[name] for name in names]
