"""Ready feature vectors: ``.npz`` files with ``item_id`` (n,) and ``vector`` (n, width)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_metarec.errors import UserError
from recbole_metarec.features.arrays import read_arrays

# Items that a message names.
N_NAMED = 3
# Longest vector, in lengths of the median one: all are scaled together, and a longer one leaves nothing of the others.
LONGEST = 100


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
        Largest share of the catalogue without a vector, or with one that is not finite or above `LONGEST` times as
        long as most, and of the file's items that the catalogue does not have. Fewer are named in a warning.

    Returns
    -------
    vectors : float32 array, shape (n, width)
        0 where there is none.
    present : bool array, shape (n,)
        Which items have one.

    Raises
    ------
    UserError
        If the file is malformed, or too many items are missing, unknown, not finite or too long.
    """
    items, stored = _read(path)
    place = {item: row for row, item in enumerate(items)}
    rows = np.array([place.get(token, -1) for token in tokens], np.int64)
    vectors = np.zeros((len(rows), stored.shape[1]), np.float32)
    with np.errstate(over="ignore"):  # what is too large for 32 bits is not finite
        vectors[rows >= 0] = stored[rows[rows >= 0]]
    finite = np.asarray(np.isfinite(vectors).all(1))
    huge = finite & _huge(np.where(finite[:, None], vectors, 0))
    known = set(tokens)
    problems = [
        (f"{path}: {{}} of the {len(tokens)} items have no vector", _names(tokens, rows < 0), len(tokens)),
        (f"{path}: {{}} vectors are not finite", _names(tokens, (rows >= 0) & ~finite), len(tokens)),
        (f"{path}: {{}} vectors are above {LONGEST} times as long as most", _names(tokens, huge), len(tokens)),
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
    present = (rows >= 0) & finite & ~huge
    return np.where(present[:, None], vectors, 0), present


def _names(tokens: Sequence[str], flags: npt.NDArray[np.bool_]) -> list[str]:
    return [token for token, flag in zip(tokens, flags, strict=True) if flag]


def _huge(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    median = np.median(lengths[lengths > 0]) if lengths.any() else 0.0
    return np.asarray(lengths > LONGEST * median)


def _read(path: Path) -> tuple[list[str], npt.NDArray[Any]]:
    try:
        items, vectors = read_arrays(path, ("item_id", "vector"))
    except ValueError as error:
        raise UserError([f"{path}: {error}"]) from None
    if (
        items.ndim != 1
        or vectors.ndim != 2
        or len(items) != len(vectors)
        or not vectors.shape[1]
        or vectors.dtype.kind not in "fiu"
    ):
        shapes = f"item_id {items.shape} and vector {vectors.shape}"
        raise UserError([f"{path}: {shapes} must have the shapes (n,) and (n, width), with numbers"])
    if items.dtype.kind == "S":
        items = np.char.decode(items, "utf-8", "replace")
    names = [str(item) for item in items.tolist()]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError([f"{path}: item_id has {twice[0]} twice; give each item one vector"])
    return names, vectors


def mean_norm(vectors: npt.NDArray[np.floating], present: npt.NDArray[np.bool_]) -> float:
    """Return the square root of the mean square norm of the vectors that count; 1 if none do.

    Parameters
    ----------
    vectors : float array, shape (n, width)
    present : bool array, shape (n,)
        Rows that count.

    Returns
    -------
    float
        Positive.
    """
    norm = np.sqrt(np.square(vectors[present], dtype=np.float32).sum(1).mean()) if present.any() else 1.0
    return max(float(norm), 1e-30)


def unit_norm(vectors: npt.NDArray[np.floating], norm: float) -> npt.NDArray[np.float16]:
    """Divide vectors by a norm, that of most, whatever encoder they are from."""
    return (vectors / norm).astype(np.float16)
