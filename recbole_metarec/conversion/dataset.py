"""From a table of one's own to RecBole's atomic files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recbole_metarec.conversion.card import ORDER, readme
from recbole_metarec.conversion.items import write_items
from recbole_metarec.conversion.options import Options
from recbole_metarec.conversion.rows import Report, read_rows
from recbole_metarec.conversion.table import Table
from recbole_metarec.conversion.times import Times
from recbole_metarec.datasets.fields import FIELDS
from recbole_metarec.datasets.filters import distinct
from recbole_metarec.datasets.interactions import Interactions, write_interactions
from recbole_metarec.datasets.output import Card, check_place, dataset_files, finish
from recbole_metarec.datasets.steps import Step, core_step, take_steps
from recbole_metarec.errors import UserError, nearest
from recbole_metarec.files import checksum


def convert(
    data: Path | str,
    *,
    user: str,
    item: str,
    time: str,
    rating: str | None = None,
    items: Path | str | None = None,
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
    data : path
        CSV, TSV, JSON lines, each compressed with gzip or not, or parquet; the name's ending tells.
    user, item, time : str
        Columns.
    rating : str, optional
        Likewise.
    items : path, optional
        A table of items; by default ``fields`` are columns of ``data``.
    items_id : str, optional
        Its column of ids; by default it is called as in ``data``.
    fields : mapping of str to str, optional
        Columns of titles, prices and the like by field; see `FIELDS`.
    output : path, optional
        Folder of the dataset, whose name is the dataset's; by default ``dataset/`` and the name of the file.
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
    data = Path(data)
    place = Path(output) if output else Path("dataset") / _name_of(data)
    named = {"user": user, "item": item, "time": time, **({"rating": rating} if rating else {})}
    of_items = {"item_id": items_id or item, **(fields or {})}
    problems: list[str] = []
    try:
        check_place(place.parent, place.name, overwrite)
    except UserError as error:
        problems += error.problems
    table, catalogue = _tables(data, Path(items) if items else None, named, of_items, bool(items_id), problems)

    frame = table.collect(table.read(list(named.values())))
    rows, times, report = read_rows(frame, data, user, item, time, rating, options)
    del frame
    rows, counts = take_steps(_in_order(rows), _steps(options))
    card: Card = {
        "name": place.name,
        "columns": {**named, **{field: column for field, column in of_items.items() if catalogue}},
        "options": options.model_dump(),
        "sources": [_source(data, report)],
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
                card["sources"].append(_source(catalogue.path, Report(catalogue.count())))
        return finish(files, place.name, card, readme(card))


def _name_of(path: Path) -> str:
    stem = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "data"


def _tables(
    data: Path,
    items: Path | None,
    named: Mapping[str, str],
    of_items: Mapping[str, str],
    own_id: bool,
    problems: list[str],
) -> tuple[Table, Table | None]:
    """Open the files, and name all columns that they lack beside the problems that there are already."""
    problems += [f"{field}: no such field{nearest(field, FIELDS)}" for field in of_items if field not in FIELDS]
    twice = {column for column in named.values() if [*named.values()].count(column) > 1}
    problems += [f"column {column} is named for several things; each has a column of its own" for column in twice]
    tables: dict[Path, Table] = {}
    for path in dict.fromkeys([data, *([items] if items else [])]):
        try:
            tables[path] = Table(path)
        except UserError as error:
            problems += error.problems
    if data in tables:
        problems += [line for flag, column in named.items() for line in tables[data].lacking(column, flag)]
    wanted = {field: column for field, column in of_items.items() if items or field != "item_id"}
    of_fields = items or data
    if of_fields in tables:
        flags = {"item_id": "items_id"}
        problems += [
            line
            for field, column in wanted.items()
            for line in tables[of_fields].lacking(column, flags.get(field, field))
        ]
    if items and len(of_items) == 1:
        known = ", ".join(f"--{field}" for field in FIELDS if field != "item_id")
        problems.append(f"--items={items}: name a column of it, too: {known}")
    if own_id and not items:
        problems.append("--items_id: is for a table of items; give it with --items=FILE, or leave this out")
    if problems:
        raise UserError(problems)
    return tables[data], tables[of_fields] if len(of_items) > 1 else None


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


def _source(path: Path, report: Report) -> dict[str, Any]:
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": checksum(path),
        "lines": report.rows,
        "bad_lines": report.bad,
        "bad_examples": report.examples,
    }
