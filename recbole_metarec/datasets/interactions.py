"""Interactions as columns, users and items as numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

ROWS_AT_ONCE = 1 << 18


class BinaryWriter(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Write bytes."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """Interactions as columns; row ``i`` of all arrays is one of them.

    Parameters
    ----------
    users, items : uint32 array, shape (n,)
        Codes: positions in ``user_names`` and ``item_names``.
    ratings : float64 array, shape (n,)
        Zeros if the source has none.
    times : int64 array, shape (n,)
        In the unit of the source.
    user_names, item_names : polars.Series of str
        Identities in any order; those of filtered rows stay.
    """

    users: npt.NDArray[np.uint32]
    items: npt.NDArray[np.uint32]
    ratings: npt.NDArray[np.float64]
    times: npt.NDArray[np.int64]
    user_names: pl.Series
    item_names: pl.Series

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Interactions:
        """Return the rows under a mask or at positions."""
        return replace(
            self, users=self.users[rows], items=self.items[rows], ratings=self.ratings[rows], times=self.times[rows]
        )

    def counts(self) -> dict[str, int]:
        """Count users, items and interactions."""
        return {
            "users": int(np.count_nonzero(np.bincount(self.users))),
            "items": int(np.count_nonzero(np.bincount(self.items))),
            "interactions": len(self),
        }


def write_interactions(rows: Interactions, file: BinaryWriter, ratings: bool = True) -> None:
    """Write an ``.inter`` file.

    Parameters
    ----------
    rows : Interactions
        In the order of the file.
    file : BinaryWriter
        Where to.
    ratings : bool
        Whether there is a column of ratings.
    """
    fields = ["user_id:token", "item_id:token", *["rating:float"] * ratings, "timestamp:float"]
    file.write("\t".join(fields).encode() + b"\n")
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        columns: dict[str, Any] = {
            "user": rows.user_names.gather(rows.users[part]),
            "item": rows.item_names.gather(rows.items[part]),
        }
        if ratings:
            columns["rating"] = rows.ratings[part]
        frame = pl.DataFrame({**columns, "time": rows.times[part]})
        file.write(frame.write_csv(include_header=False, separator="\t", quote_style="never").encode())


def encode(names: pl.Series) -> tuple[npt.NDArray[np.uint32], pl.Series]:
    """Give names numbers; by their hashes, which need a third of the memory that a table of names does.

    Parameters
    ----------
    names : polars.Series of str, length n

    Returns
    -------
    codes : uint32 array, shape (n,)
    distinct : polars.Series of str
        The name of each code, in no particular order.
    """
    codes, distinct = _by(names.hash().to_numpy(), names)
    for start in range(0, len(names), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        if not (distinct.gather(codes[part]) == names[part]).all():  # two names with one hash
            return _by(names.rank("dense").to_numpy(), names)
    return codes, distinct


def _by(keys: npt.NDArray[Any], names: pl.Series) -> tuple[npt.NDArray[np.uint32], pl.Series]:
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    return codes.astype(np.uint32), names.gather(first)
