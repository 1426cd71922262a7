"""Files that exist whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file aside and put it in place at the end; after an error what existed is still there.

    Parameters
    ----------
    path : Path
        Where it goes; missing folders are made, a file of that name is replaced.

    Yields
    ------
    BinaryIO
        The file to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o666 & ~_umask())  # mkstemp's files are for their owner alone
        os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write lines of UTF-8 text as a `whole_file`.

    Parameters
    ----------
    path : Path
        Where it goes.
    lines : iterable of str
        Lines without their ends.
    """
    with whole_file(path) as file:
        file.writelines(f"{line}\n".encode() for line in lines)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
