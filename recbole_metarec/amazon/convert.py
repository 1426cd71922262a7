"""From a raw dump to RecBole's atomic files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from recbole_metarec.amazon.card import TIES, readme
from recbole_metarec.amazon.items import ItemReport, item_names, write_items
from recbole_metarec.amazon.layouts import Layout
from recbole_metarec.amazon.options import PRESETS, Options, changed, make_options
from recbole_metarec.amazon.rawfile import RawFile
from recbole_metarec.amazon.recognise import recognise
from recbole_metarec.amazon.reviews import read_reviews
from recbole_metarec.amazon.steps import apply_filters
from recbole_metarec.amazon.vintages import Vintage, dataset_name
from recbole_metarec.datasets.filters import distinct
from recbole_metarec.datasets.interactions import Interactions, write_interactions
from recbole_metarec.datasets.lines import LineReport
from recbole_metarec.datasets.output import Card, check_place, dataset_files, finish
from recbole_metarec.errors import UserError


def prepare(
    reviews: Path | str,
    meta: Path | str | None = None,
    *,
    name: str | None = None,
    output: Path | str = "dataset",
    vintage: Vintage | None = None,
    preset: str = "raw",
    options: Options | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Card:
    """Convert a dump of one category into ``.inter``, ``.item``, a card and a README.

    The same input and options give the same bytes. Files appear when all are complete.

    Parameters
    ----------
    reviews : path
        Reviews or ratings of 2014, 2018 or 2023, compressed or not; the content tells which.
    meta : path, optional
        Metadata of the same vintage; without it there is no ``.item``.
    name : str, optional
        Name of the dataset; by default RecBole's name of the file's category.
    output : path
        Folder of the datasets; the files go to ``output/name``.
    vintage : int, optional
        What the files must be; by default they may be any.
    preset : str
        One of `PRESETS`.
    options : Options, optional
        By default those of the preset; `make_options` changes some of them.
    overwrite : bool
        Whether to replace files that this function did not write.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    dict
        The card: sources with checksums, filters, counts after each, coverage of item fields, files with checksums.

    Raises
    ------
    UserError
        If an input is missing, damaged or of another kind, more lines are bad than allowed, nothing is left, or the
        files cannot be written. Nothing is written then.
    """
    options = options or make_options(preset)
    reviews, meta = Path(reviews), Path(meta) if meta else None
    layout, meta_layout = _layouts(reviews, meta, vintage, options)
    name = name or name_of(reviews, layout)
    check_place(Path(output), name, overwrite)

    raw = RawFile(reviews, progress)
    rows, report = read_reviews(raw, layout)
    report.check(reviews, options.max_bad)
    described = item_names(RawFile(meta, progress), meta_layout) if meta and options.require_meta else None
    rows, counts = apply_filters(rows, options, layout.time_unit, described)
    card: Card = {
        "name": name,
        "vintage": layout.vintage,
        "preset": preset,
        "preset_note": PRESETS[preset].note,
        "preset_changes": changed(options, preset),
        "options": options.model_dump(),
        "sources": [_source(raw, layout, report)],
        "counts": counts,
        **_describe(rows, layout),
    }
    with dataset_files(Path(output), name, ["inter", *(["item"] if meta else [])], overwrite) as files:
        write_interactions(rows, files["inter"])
        if meta:
            raw = RawFile(meta, progress)
            kept = rows.item_names.gather(np.flatnonzero(np.bincount(rows.items)))
            items = write_items(raw, meta_layout, set(kept), options, files["item"].write)
            items.lines.check(meta, options.max_bad)
            card["sources"].append(_source(raw, meta_layout, items.lines))
            card["metadata"] = _metadata(items, len(kept))
        return finish(files, name, card, readme(card))


def name_of(path: Path, layout: Layout) -> str:
    """Dataset name of a dump, from the category in its file name.

    Parameters
    ----------
    path : Path
        E.g. ``reviews_Beauty_5.json.gz``.
    layout : Layout
        Tells the vintage.

    Returns
    -------
    str
        E.g. ``amazon-beauty``.
    """
    stem = re.sub(r"(\.(gz|json|jsonl|csv|txt))+$", "", path.name)
    return dataset_name(re.sub(r"^(reviews|ratings)_|_5$", "", stem), layout.vintage)


def _layouts(reviews: Path, meta: Path | None, vintage: Vintage | None, options: Options) -> tuple[Layout, Layout]:
    problems: list[str] = []
    layouts: list[Layout] = []
    for path, role in ((reviews, "reviews"), (meta, "metadata")):
        try:
            layouts += [recognise(path)] if path else []
        except UserError as error:
            problems += error.problems
            continue
        if path and (layouts[-1].role == "metadata") != (role == "metadata"):
            problems.append(f"{path}: this is {layouts[-1]}, not {role}; metadata goes after --meta, reviews before it")
        elif path and vintage and layouts[-1].vintage != vintage:
            problems.append(f"{path}: this is {layouts[-1]}, not {vintage}; leave --vintage out, or give other files")
    if not problems and meta and layouts[0].vintage != layouts[1].vintage:
        problems.append(f"{meta}: this is {layouts[1]}, but {reviews} is {layouts[0]}; give files of one vintage")
    if options.require_meta and meta is None:
        problems.append("require_meta: needs the metadata, give --meta=FILE, or set --require_meta=False")
    if problems:
        raise UserError(problems)
    return layouts[0], layouts[-1]


def _describe(rows: Interactions, layout: Layout) -> Card:
    return {
        "order": TIES,
        "timestamps": {"unit": layout.time_unit, "first": int(rows.times[0]), "last": int(rows.times[-1])},
        "repeated_pairs": len(rows) - int(np.count_nonzero(distinct(rows, "first"))),
    }


def _source(raw: RawFile, layout: Layout, report: LineReport) -> dict[str, object]:
    return {
        "file": raw.path.name,
        "holds": str(layout),
        "bytes": raw.size,
        "sha256": raw.sha256,
        "lines": report.lines,
        "bad_lines": dict(report.bad.most_common()),
        "bad_examples": report.examples,
    }


def _metadata(items: ItemReport, n_items: int) -> dict[str, object]:
    coverage = {
        name: {"items": items.filled[name], "share": round(items.filled[name] / n_items, 4)}
        for name in ("title", "categories", "brand", "price", "image", "description")
    }
    return {
        "items": n_items,
        "with_record": items.items,
        "repeated_records": items.repeated,
        "coverage": coverage,
        "prices_rejected": items.rejected_prices.total(),
        "prices_rejected_examples": dict(items.rejected_prices.most_common(5)),
    }
