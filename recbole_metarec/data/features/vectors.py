"""Ready feature vectors: ``.npz`` files with ``item_id`` (n,) and ``vector`` (n, width)."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recbole_metarec.errors import UserError

# Items that a message names.
N_NAMED = 3


def read_vectors(
    path: Path, tokens: Sequence[str], max_bad: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Read the vectors of a catalogue's items.

    Parameters
    ----------
    path : Path
        An ``.npz`` file.
    tokens : sequence of str
        Items of the catalogue.
    max_bad : float
        Largest share of the catalogue without a vector or with one that is not finite, and of the file's items that
        the catalogue does not have. Fewer are named in a warning.

    Returns
    -------
    vectors : float32 array, shape (n, width)
        0 where there is none.
    present : bool array, shape (n,)
        Which items have one.

    Raises
    ------
    UserError
        If the file is malformed, or too many items are missing, unknown or not finite.
    """
    items, stored = _read(path)
    place = {item: row for row, item in reversed(list(enumerate(items)))}
    rows = np.array([place.get(token, -1) for token in tokens], np.int64)
    vectors = np.zeros((len(rows), stored.shape[1]), np.float32)
    vectors[rows >= 0] = stored[rows[rows >= 0]]
    finite = np.isfinite(vectors).all(1)
    known = set(tokens)
    problems = [
        (f"{path}: {{}} of the {len(tokens)} items have no vector", _names(tokens, rows < 0), len(tokens)),
        (f"{path}: {{}} vectors are not finite", _names(tokens, (rows >= 0) & ~finite), len(tokens)),
        (
            f"{path}: {{}} of the {len(items)} items are not in the data",
            [item for item in items if item not in known],
            len(items),
        ),
    ]
    too_many = []
    for text, names, total in problems:
        if names:
            more = ", …" if len(names) > N_NAMED else ""
            line = f"{text.format(len(names))}: {', '.join(names[:N_NAMED])}{more}"
            getLogger().warning(line)
            if len(names) > max_bad * total:
                too_many.append(f"{line}; more than max_bad_features={max_bad:g} of them")
    if too_many:
        raise UserError(too_many)
    present = (rows >= 0) & finite
    return np.where(present[:, None], vectors, 0), present


def _names(tokens: Sequence[str], flags: npt.NDArray[np.bool_]) -> list[str]:
    return [token for token, flag in zip(tokens, flags, strict=True) if flag]


def _read(path: Path) -> tuple[list[str], npt.NDArray[np.float32]]:
    try:
        with np.load(path) as file:
            missing = [name for name in ("item_id", "vector") if name not in file]
            if missing:
                raise UserError([f"{path}: has no array {' and no '.join(missing)}; it must hold item_id and vector"])
            items, vectors = file["item_id"], file["vector"]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError([f"{path}: is no .npz file: {error}"]) from None
    if (
        vectors.ndim != 2
        or len(items) != len(vectors)
        or items.ndim != 1
        or not np.issubdtype(vectors.dtype, np.number)
    ):
        raise UserError(
            [f"{path}: item_id {items.shape} and vector {vectors.shape} must have the shapes (n,) and (n, width)"]
        )
    return [str(item) for item in items.tolist()], vectors
