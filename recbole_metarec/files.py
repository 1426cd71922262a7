"""Files that exist whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
    path = Path(os.path.realpath(path))  # a link stays, its target is replaced
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
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


def checksum(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
