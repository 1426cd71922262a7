"""What a table tells of items, as the lines of an ``.item`` file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
import polars as pl

from recbole_metarec.conversion.rows import texts_of
from recbole_metarec.conversion.table import Table
from recbole_metarec.datasets.clean import clean_text, image_addresses, parse_price, texts
from recbole_metarec.datasets.fields import FIELDS
from recbole_metarec.datasets.interactions import ROWS_AT_ONCE, BinaryWriter

MOST_CHARACTERS = 2000
"""Of a title or description; what is longer is cut before the word that exceeds it."""

MOST_IMAGES = 4
"""Addresses of an item."""

_CURRENCY = re.compile(r"[\u20a0-\u20cf£¥]|\b[A-Z]{3}\b")
_DECIMAL_COMMA = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}")


def write_items(table: Table, columns: Mapping[str, str], names: pl.Series, file: BinaryWriter) -> dict[str, Any]:
    """Write an ``.item`` file; of several rows of an item the first counts.

    Parameters
    ----------
    table : Table
    columns : mapping of str to str
        Column of each field, ``item_id`` among them; see `FIELDS`.
    names : polars.Series of str
        Items to write. Those that the table lacks come last, blank but for their id.
    file : BinaryWriter

    Returns
    -------
    dict
        Coverage of the fields, and what of prices could not be read, as a card has them.
    """
    fields = [field for field in FIELDS if field in columns]
    found = _rows(table, columns, fields, names)
    filled: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    file.write(("\t".join(f"{field}:{FIELDS[field]}" for field in fields) + "\n").encode())
    for part in found.iter_slices(ROWS_AT_ONCE):
        lines = []
        for name, *values in part.iter_rows():
            cells = [_cell(field, value, rejected) for field, value in zip(fields[1:], values, strict=True)]
            filled.update(field for field, cell in zip(fields[1:], cells, strict=True) if cell)
            lines.append("\t".join([name, *cells]) + "\n")
        file.write("".join(lines).encode())
    # RecBole drops the interactions of items that have no line
    blank = "\t" * (len(fields) - 1)
    lacking = sorted({*names} - {*found["item_id"]})
    file.write("".join(f"{name}{blank}\n" for name in lacking).encode())
    return {
        "items": len(names),
        "with_record": len(found),
        "coverage": {
            field: {"items": filled[field], "share": round(filled[field] / len(names), 4)} for field in fields[1:]
        },
        "prices_rejected": rejected.total(),
        "prices_rejected_examples": dict(rejected.most_common(5)),
    }


def _rows(table: Table, columns: Mapping[str, str], fields: list[str], names: pl.Series) -> pl.DataFrame:
    read = table.read(list(dict.fromkeys(columns[field] for field in fields)))
    ids = table.collect(read.select(columns["item_id"]))[columns["item_id"]]
    known = texts_of(ids)
    first = (known.is_in(names.to_list()) & known.is_first_distinct()).fill_null(False)
    places = first.arg_true()
    chosen = table.collect(read.with_row_index("\n").join(places.rename("\n").to_frame().lazy(), on="\n", how="semi"))
    chosen = chosen.sort("\n")
    return pl.DataFrame({"item_id": known.gather(places), **{field: chosen[columns[field]] for field in fields[1:]}})


def _cell(field: str, value: Any, rejected: Counter[str]) -> str:
    if value is None:
        return ""
    if field == "price":
        return _price(value, rejected)
    parts = _parts(value)
    if field == "image":
        return " ".join(image_addresses(" ".join(texts(parts)).split(), MOST_IMAGES))
    return clean_text(parts, MOST_CHARACTERS)


def _parts(value: Any) -> Any:
    """Return a text or a list of texts, which JSON lines give as text."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value if isinstance(value, (str, list)) else str(value)


def _price(value: Any, rejected: Counter[str]) -> str:
    text = value
    if isinstance(value, str):
        text = _CURRENCY.sub("", value).strip()
        if _DECIMAL_COMMA.fullmatch(text):
            text = text.replace(".", "").replace(",", ".")
    try:
        price = parse_price(text)
    except ValueError:
        rejected[clean_text(str(value))[:40] or "program code"] += 1
        return ""
    return "" if price is None else repr(price)
