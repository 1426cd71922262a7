"""Whether files can be written, tried before anything runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path


def file_problems(key: str, name: str, endings: Sequence[str]) -> Iterator[str]:
    """Check that a file of one of several endings can be written.

    Parameters
    ----------
    key : str
        The setting that names it.
    name : str
        Its name.
    endings : sequence of str
        As in ``.json``.

    Yields
    ------
    str
        One line for each problem.
    """
    option, path = f"--{key}={name}", Path(os.path.realpath(name))
    if os.path.isdir(path) or path.suffix not in endings:
        yield f"{option}: must be the name of a {' or '.join(endings)} file"
    elif why := why_not_written(path.parent, path.name):
        yield f"{option}: cannot be written, {why}"


def folder_problems(key: str, name: str) -> Iterator[str]:
    """Check that files can be written to a folder, which is made if it lacks; see `file_problems`."""
    if why := why_not_written(Path(os.path.realpath(name))):
        yield f"--{key}={name}: cannot be written, {why}"


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
