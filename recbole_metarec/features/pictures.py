"""The pictures of items: which files they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

MOST = 4
"""Pictures of an item that count (ANT's published code averages as many)."""


def find_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """Find an item's pictures, which were downloaded under the last part of their address.

    Parameters
    ----------
    folder : Path
        Where the pictures are.
    names : sequence of str
        File names or addresses.

    Returns
    -------
    list of Path
        Those that exist, `MOST` at most.
    """
    paths = [folder / Path(urlsplit(name).path).name for name in names]
    return [path for path in paths if path.is_file()][:MOST]
