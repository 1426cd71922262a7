"""From a table of one's own to RecBole's atomic files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from narwhals.dependencies import is_into_dataframe

from recbole_metarec.conversion.card import ORDER, readme
from recbole_metarec.conversion.frame_table import FrameTable
from recbole_metarec.conversion.items import write_items
from recbole_metarec.conversion.options import Options
from recbole_metarec.conversion.rows import Report, read_rows
from recbole_metarec.conversion.table import FileTable, Table
from recbole_metarec.conversion.times import Times
from recbole_metarec.datasets.fields import FIELDS
from recbole_metarec.datasets.filters import distinct
from recbole_metarec.datasets.interactions import Interactions, write_interactions
from recbole_metarec.datasets.output import Card, check_place, dataset_files, finish
from recbole_metarec.datasets.steps import Step, core_step, take_steps
from recbole_metarec.errors import UserError, nearest, noting


def convert(
    data: Any,
    *,
    user: str,
    item: str,
    time: str,
    rating: str | None = None,
    items: Any = None,
    items_id: str | None = None,
    fields: Mapping[str, str] | None = None,
    output: Path | str | None = None,
    options: Options | None = None,
    overwrite: bool = False,
) -> Card:
    """Convert a table of interactions, and one of items, into ``.inter``, ``.item``, a card and a README.

    The same input and options give the same bytes. Files appear when all are complete. Columns that are not named are
    not read; those that are must fit into memory.

    Parameters
    ----------
    data : path or frame
        CSV, TSV, JSON lines, each compressed with gzip or not, or parquet; the name's ending tells. Or a frame of
        pandas or polars.
    user, item, time : str
        Columns.
    rating : str, optional
        Likewise.
    items : path or frame, optional
        A table of items; by default ``fields`` are columns of ``data``.
    items_id : str, optional
        Its column of ids; by default it is called as in ``data``.
    fields : mapping of str to str, optional
        Columns of titles, prices and the like by field; see `FIELDS`.
    output : path, optional
        Folder of the dataset, whose name is the dataset's; by default ``dataset/`` and the name of the file. A frame
        needs one.
    options : Options, optional
        By default as they are there.
    overwrite : bool
        Whether to replace files that this function did not write.

    Returns
    -------
    dict
        The card: sources with checksums, columns, options, counts after each filter, files with checksums.

    Raises
    ------
    UserError
        If an input is missing or damaged, more rows cannot be read than allowed, nothing is left, or the files cannot
        be written: all that is wrong. Nothing is written then.
    """
    options = options or Options()
    place = _place_of(data, output)
    named = {"user": user, "item": item, "time": time, **({"rating": rating} if rating else {})}
    of_items = {"item_id": items_id or item, **(fields or {})}
    problems: list[str] = []
    with noting(problems):
        check_place(place.parent, place.name, overwrite)
    table, catalogue = _tables(data, place.name, items, named, of_items, bool(items_id), problems)

    frame = table.collect(table.read(list(named.values())))
    rows, times, report = read_rows(frame, table.name, user, item, time, rating, options)
    del frame
    rows, counts = take_steps(_in_order(rows), _steps(options))
    card: Card = {
        "name": place.name,
        "columns": {**named, **{field: column for field, column in of_items.items() if catalogue}},
        "options": options.model_dump(),
        "sources": [_source(table, report)],
        "counts": counts,
        "order": ORDER,
        "timestamps": _span(rows, times),
        "repeated_pairs": len(rows) - int(np.count_nonzero(distinct(rows, "first"))),
    }
    with dataset_files(place.parent, place.name, ["inter", *(["item"] if catalogue else [])], overwrite) as files:
        write_interactions(rows, files["inter"], ratings=rating is not None)
        if catalogue:
            kept = rows.item_names.gather(np.flatnonzero(np.bincount(rows.items)))
            card["metadata"] = write_items(catalogue, of_items, kept, files["item"])
            if catalogue is not table:
                card["sources"].append(_source(catalogue, Report(catalogue.count())))
        return finish(files, place.name, card, readme(card))


def _place_of(data: Any, output: Path | str | None) -> Path:
    if output:
        return Path(output)
    if is_into_dataframe(data):
        raise UserError(["output: is missing; name the folder to write to, as in output='dataset/shop'"])
    stem = Path(data).name.removesuffix(".gz").rpartition(".")[0] or Path(data).name
    return Path("dataset") / (re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "data")


def _open(data: Any, name: str, problems: list[str]) -> Table | None:
    """Open a file or a frame; what is wrong with it is put beside the problems that there are already."""
    with noting(problems):
        return FrameTable(data, f"frame {name}") if is_into_dataframe(data) else FileTable(Path(data))
    return None


def _tables(
    data: Any,
    name: str,
    items: Any,
    named: Mapping[str, str],
    of_items: Mapping[str, str],
    own_id: bool,
    problems: list[str],
) -> tuple[Table, Table | None]:
    """Open the tables, and name all columns that they lack beside the problems that there are already."""
    problems += [f"{field}: no such field{nearest(field, FIELDS)}" for field in of_items if field not in FIELDS]
    twice = {column for column in named.values() if [*named.values()].count(column) > 1}
    problems += [f"column {column} is named for several things; each has a column of its own" for column in twice]
    has_items = items is not None
    table = _open(data, name, problems)
    catalogue = _open(items, "of items", problems) if has_items else table
    if table:
        problems += [line for flag, column in named.items() for line in table.lacking(column, flag)]
    wanted = {field: column for field, column in of_items.items() if has_items or field != "item_id"}
    if catalogue:
        flags = {"item_id": "items_id"}
        problems += [
            line for field, column in wanted.items() for line in catalogue.lacking(column, flags.get(field, field))
        ]
    if has_items and len(of_items) == 1:
        known = ", ".join(f"--{field}" for field in FIELDS if field != "item_id")
        problems.append(f"--items={'FRAME' if is_into_dataframe(items) else items}: name a column of it, too: {known}")
    if own_id and not has_items:
        problems.append("--items_id: is for a table of items; give it with --items=FILE, or leave this out")
    if problems or table is None:
        raise UserError(problems)
    return table, catalogue if len(of_items) > 1 else None


def _in_order(rows: Interactions) -> Interactions:
    """Sort by user and time; stable."""
    place = np.empty(len(rows.user_names), np.int64)
    place[rows.user_names.arg_sort().to_numpy()] = np.arange(len(place))
    return rows.take(np.lexsort((rows.times, place[rows.users])))


def _steps(options: Options) -> list[Step]:
    steps: list[Step] = []
    if options.dedup != "none":
        steps.append((f"dedup={options.dedup}", lambda rows: distinct(rows, options.dedup)))
    if options.user_core or options.item_core:
        steps.append(core_step(options.user_core, options.item_core))
    return steps


def _span(rows: Interactions, times: Times) -> dict[str, Any]:
    first, last = int(rows.times.min()), int(rows.times.max())
    return {"unit": times.unit, "first": first, "last": last, "what": times.what, "warning": times.warning}


def _source(table: Table, report: Report) -> dict[str, Any]:
    return {**table.origin(), "lines": report.rows, "bad_lines": report.bad, "bad_examples": report.examples}
