"""Items as tables: ids, titles, vectors and codes, for numpy and for parquet."""

# Shapes: I items (row 0 is padding), D width, H codes of an item.

from __future__ import annotations

from typing import IO, Any, Literal

import numpy as np
import polars as pl

from recbole_metarec.inference.recommender import Recommender

Table = Literal["items", "codes"]


def item_arrays(rec: Recommender, table: Table) -> dict[str, Any]:
    """Return the arrays of a table by item number, padding first.

    Parameters
    ----------
    rec : Recommender
    table : {"items", "codes"}
        Vectors to read sequences with and to score states against, or semantic ids.

    Returns
    -------
    dict of str to array
        ``ids``, shape (I,), and ``inputs`` and ``outputs``, shape (I, D), or ``codes``, shape (I, H): -1 for padding.
    """
    ids = np.array(["", *rec.item_ids])
    if table == "items":
        return {"ids": ids, "inputs": rec.scorer.inputs.numpy(), "outputs": rec.scorer.outputs.numpy()}
    codes = rec.section.codes
    assert codes is not None
    return {"ids": ids, "codes": np.pad(codes, ((1, 0), (0, 0)), constant_values=-1)}


def write_parquet(rec: Recommender, table: Table, file: IO[bytes]) -> None:
    """Write a table with one row for each item: ``number``, ``item_id``, ``title`` where one is known, and arrays."""
    arrays = item_arrays(rec, table)
    columns: dict[str, Any] = {"number": np.arange(1, len(rec.item_ids) + 1), "item_id": rec.item_ids}
    if rec.titles:
        columns["title"] = [rec.titles.get(item) for item in rec.item_ids]
    columns |= {name: array[1:] for name, array in arrays.items() if name != "ids" and array.shape[1]}
    pl.DataFrame(columns).write_parquet(file)
