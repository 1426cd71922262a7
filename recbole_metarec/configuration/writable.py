"""Whether files can be written, tried before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from recbole_metarec.files import why_not_written


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
