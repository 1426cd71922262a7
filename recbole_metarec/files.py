"""Files that exist whole or not at all."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import io
import itertools
import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

_writes = True


def leave_writing_to_another() -> None:
    """Let nothing come of all that this process writes: another one does the same, and writes it."""
    global _writes
    _writes = False


def writes() -> bool:
    """Whether anything comes of what this process writes."""
    return _writes


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

    Raises
    ------
    OSError
        If it cannot be written; it names ``path``.
    """
    if not _writes:
        yield io.BytesIO()
        return
    path = Path(os.path.realpath(path))  # a link stays, its target is replaced
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_asides(path.parent.glob(f".{glob.escape(path.name)}.*"))
        aside, file = _open_aside(path)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.errno and (error.filename is None or _is_beside(path, Path(error.filename))):
            error.filename = str(path)
        raise
    except Exception as error:
        number = _FROM_RUST.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


# How polars and other libraries in Rust say why they could not write.
_FROM_RUST = re.compile(r"\(os error (\d+)\)")


def _open_aside(path: Path) -> tuple[Path, BinaryIO]:
    """Open a new file beside another and lock it for as long as it is open, which a killed process cannot prolong."""
    while True:
        aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        file = aside.open("xb")
        _lock(file, fcntl.LOCK_EX)
        if aside.exists():
            return aside, file
        file.close()  # taken for an abandoned one before it was locked


def remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed while they wrote a `whole_file` in a folder have left there."""
    _remove_asides(folder.glob(".*"))


def _remove_asides(found: Iterable[Path]) -> None:
    for aside in found:
        if _ASIDE.fullmatch(aside.name):
            with suppress(OSError), aside.open("rb") as file:  # it may be another user's, or gone
                if _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    aside.unlink()


_ASIDE = re.compile(r"\.(.+)\.[0-9a-f]{16}")


def _is_beside(path: Path, other: Path) -> bool:
    named = _ASIDE.fullmatch(other.name)
    return named is not None and named[1] == path.name


class Held:
    """A folder that one process has, from when it is `hold` until it ends or lets it go.

    Parameters
    ----------
    folder : Path
    lock : BinaryIO
        Its locked file.
    """

    def __init__(self, folder: Path, lock: BinaryIO) -> None:
        self.folder, self._lock = folder, lock

    def let_go(self) -> None:
        """Leave the folder to others; one in which nothing is vanishes."""
        if [*self.folder.iterdir()] == [self.folder / _LOCK]:
            (self.folder / _LOCK).unlink()
            with suppress(OSError):  # another process has come in between
                self.folder.rmdir()
        self._lock.close()


_LOCK = ".lock"


def hold(folder: Path) -> Held | None:
    """Make a folder that one process has.

    Parameters
    ----------
    folder : Path
        It may be there already.

    Returns
    -------
    Held, or None
        ``None`` if another process has it. Where the file system has no locks, nobody does.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / _LOCK).open("ab")
        except FileNotFoundError:  # let go in between
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        except OSError:
            return Held(folder, lock)
        if (folder / _LOCK).exists() and os.path.samestat(os.fstat(lock.fileno()), (folder / _LOCK).stat()):
            return Held(folder, lock)
        lock.close()  # of a folder that has been let go in between


def _lock(file: BinaryIO, how: int) -> bool:
    """Lock a file; tell whether it is, which it is not where another process has it or the file system has no locks."""
    try:
        fcntl.flock(file, how)
    except OSError:
        return False
    return True


def unused(path: Path) -> Path:
    """Add a number to a name that a file has already, as of a run that began in the same second."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(each for each in itertools.chain([path], numbered) if not each.exists())


def what_failed(error: OSError) -> str:
    """Say in one line which file an error is about and what went wrong."""
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)


def why_not_written(folder: Path, name: str = "") -> str | None:
    """Try to write to a folder, or to the one in which it would be made: permissions tell not all to everybody.

    Parameters
    ----------
    folder : Path
        Made when it is needed.
    name : str, optional
        Of a file in it.

    Returns
    -------
    str, or None
        Why it cannot be; ``None`` if it can.
    """
    try:
        folder = next(parent for parent in (folder, *folder.parents) if parent.exists())
        with tempfile.NamedTemporaryFile(prefix=f".{name}.", suffix=8 * "0", dir=folder):
            return None
    except (OSError, ValueError) as error:
        return f"{folder} is no folder that you may write to ({getattr(error, 'strerror', error)})"


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


def domain_files(folder: Path, name: str) -> list[Path]:
    """List the files of a domain, but for the card that tells how they were made.

    Parameters
    ----------
    folder : Path
        Its own.
    name : str
        Its name, with which they begin.

    Returns
    -------
    list of Path
        In order of their names.
    """
    found = sorted(folder.glob(f"{glob.escape(name)}.*"))
    return [file for file in found if file.is_file() and file.suffix != ".json"]


def fingerprint(folder: Path, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the checksums of domains' files, each of which is read once as long as it does not change.

    Parameters
    ----------
    folder : Path
        Of all domains.
    names : iterable of str
        Theirs.

    Returns
    -------
    dict of str to dict of str to str
        Of each domain, the SHA-256 of each file by its name; none where there are no files.
    """
    return {name: {file.name: known_checksum(file) for file in domain_files(folder / name, name)} for name in names}


def known_checksum(path: Path) -> str:
    """Return `checksum`, for which a file is read once, as long as it does not change."""
    facts = path.stat()
    return _checksum_of(path.absolute(), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


@cache
def _checksum_of(path: Path, size: int, modified: int, changed: int) -> str:
    return checksum(path)
