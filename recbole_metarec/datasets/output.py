"""A dataset's files, put in place together once all are complete."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from recbole_metarec.errors import UserError
from recbole_metarec.files import checksum, whole_file

Card = dict[str, Any]
"""What a dataset is made of, as JSON holds it."""

CARD_SUFFIX = "card.json"
README = "README.md"


@dataclass
class OutputFile:
    """A file that is being written, with the checksum of what went in."""

    file: BinaryIO
    size: int = 0
    checksum: Any = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> int:
        """Write bytes; returns how many."""
        self.file.write(data)
        self.checksum.update(data)
        self.size += len(data)
        return len(data)

    def sync(self) -> None:
        """Have everything on the disk, so that nothing but a rename is left to do."""
        self.file.flush()
        os.fsync(self.file.fileno())


@contextmanager
def dataset_files(
    output: Path, name: str, suffixes: Sequence[str], overwrite: bool = False
) -> Iterator[dict[str, OutputFile]]:
    """Open a dataset's files; they take their places at the end, the card last.

    After an error what existed is still there. Files of an earlier run that this one does not write are removed, for
    they would no longer belong to the rest.

    Parameters
    ----------
    output : Path
        Folder of the datasets.
    name : str
        The dataset; its folder and files are named after it.
    suffixes : sequence of str
        Of the data files, e.g. ``inter``.
    overwrite : bool
        Whether to replace files that no run of this package wrote, or that were edited since.

    Yields
    ------
    dict of str to OutputFile
        By suffix, and `README` and `CARD_SUFFIX`; fill the latter with `finish`.

    Raises
    ------
    UserError
        If a file exists that must not be replaced, or there is no place to write to.
    """
    check_place(output, name, overwrite)
    folder = output / name
    stale = _stale(folder, name, suffixes)
    try:
        with ExitStack() as stack:
            paths = {CARD_SUFFIX: folder / f"{name}.{CARD_SUFFIX}", README: folder / README}
            paths |= {suffix: folder / f"{name}.{suffix}" for suffix in suffixes}
            # left in reverse, so that the card, which vouches for the others, comes last
            files = {key: OutputFile(stack.enter_context(whole_file(path))) for key, path in paths.items()}
            yield files
            for file in files.values():
                file.sync()
        for path in stale:
            path.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError([f"{folder}: cannot write: {reason}; what was there is unchanged"]) from error


def finish(files: dict[str, OutputFile], name: str, card: Card, readme: Sequence[str]) -> Card:
    """Write the card and the README, once the data files are complete.

    Parameters
    ----------
    files : dict of str to OutputFile
        From `dataset_files`.
    name : str
        The dataset.
    card : dict
        Everything but the files.
    readme : sequence of str
        Lines of the README.

    Returns
    -------
    dict
        The card with name, size and checksum of each file.
    """
    files[README].write("".join(f"{line}\n" for line in readme).encode())
    card = {**card, "files": {}}
    for key, file in files.items():
        if key != CARD_SUFFIX:
            file_name = README if key == README else f"{name}.{key}"
            card["files"][file_name] = {"bytes": file.size, "sha256": file.checksum.hexdigest()}
    files[CARD_SUFFIX].write((json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return card


def check_place(output: Path, name: str, overwrite: bool) -> None:
    """Make sure that nothing gets lost by writing a dataset.

    Parameters
    ----------
    output : Path
        Folder of the datasets.
    name : str
        The dataset.
    overwrite : bool
        Whether that is all the same.

    Raises
    ------
    UserError
        If there are files of another origin, one line each.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise UserError([f"name: {name!r} must be a plain folder name such as amazon-beauty"])
    folder = output / name
    if overwrite:
        return
    written = _read_card(folder, name).get("files", {})
    problems = []
    for path in (folder / f"{name}.inter", folder / f"{name}.item", folder / README):
        if path.exists() and written.get(path.name, {}).get("sha256") != checksum(path):
            why = "was changed since it was written" if path.name in written else "was not written by this command"
            problems.append(f"{path}: {why}; --overwrite=True replaces it; or give the dataset another name")
    if problems:
        raise UserError(problems)


def _stale(folder: Path, name: str, suffixes: Sequence[str]) -> list[Path]:
    now = {f"{name}.{suffix}" for suffix in suffixes} | {README}
    names = {f"{name}.item", *_read_card(folder, name).get("files", {})} - now
    return [folder / file for file in sorted(names) if Path(file).name == file]


def _read_card(folder: Path, name: str) -> Card:
    try:
        card = json.loads((folder / f"{name}.{CARD_SUFFIX}").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) and isinstance(card.get("files"), dict) else {}
