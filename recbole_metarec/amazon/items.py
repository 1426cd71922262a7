"""Item metadata, streamed from a dump into the lines of an ``.item`` file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from recbole_metarec.amazon.layouts import Layout
from recbole_metarec.amazon.options import Options
from recbole_metarec.amazon.rawfile import RawFile
from recbole_metarec.amazon.records import BadLine, check_identity, read_record
from recbole_metarec.datasets.clean import clean_text, image_addresses, parse_price, texts
from recbole_metarec.datasets.fields import FIELDS
from recbole_metarec.datasets.lines import LineReport

LONGEST_CATEGORY = 100
"""Most characters of a category; what 2018 has beyond it is a product's description."""

_PAGE_OF = re.compile(r"Visit Amazon's (.+) Page")


@dataclass
class ItemReport:
    """What became of the metadata.

    Attributes
    ----------
    lines : LineReport
        How the file's lines were read.
    items : int
        Items written with metadata.
    repeated : int
        Further records of an item, left out: the first counts.
    filled : Counter of str
        By field, how many items have it.
    rejected_prices : Counter of str
        Texts in place of a price that are none, shortened.
    """

    lines: LineReport = field(default_factory=LineReport)
    items: int = 0
    repeated: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    rejected_prices: Counter[str] = field(default_factory=Counter)


def item_names(raw: RawFile, layout: Layout) -> pl.Series:
    """Read which items a metadata file describes.

    Parameters
    ----------
    raw : RawFile
        The file.
    layout : Layout
        Its layout.

    Returns
    -------
    polars.Series of str
        Item identities, some perhaps twice.
    """
    names = pl.Series(dtype=pl.String)
    for block in _blocks(raw, layout, LineReport()):
        names.append(pl.Series([name for name, _ in block], dtype=pl.String))
    return names


def write_items(
    raw: RawFile, layout: Layout, wanted: set[str], options: Options, write: Callable[[bytes], object]
) -> ItemReport:
    """Write the ``.item`` lines of some items, in the order of the metadata file.

    Parameters
    ----------
    raw : RawFile
        The metadata file.
    layout : Layout
        Its layout.
    wanted : set of str
        Items to write; those without metadata come last, blank but for their identity.
    options : Options
        How texts, categories and images are written.
    write : callable
        Takes the bytes, header first.

    Returns
    -------
    ItemReport
    """
    report = ItemReport()
    seen: set[str] = set()
    write(("\t".join(f"{name}:{kind}" for name, kind in FIELDS.items()) + "\n").encode())
    for block in _blocks(raw, layout, report.lines):
        lines = []
        for name, record in block:
            if name in seen:
                report.repeated += 1
            elif name in wanted:
                seen.add(name)
                lines.append("\t".join([name, *_describe(record, options, report)]) + "\n")
        write("".join(lines).encode())
    report.items = len(seen)
    # RecBole drops the interactions of items that have no line
    blank = "\t" * (len(FIELDS) - 1)
    write("".join(f"{name}{blank}\n" for name in sorted(wanted - seen)).encode())
    return report


def _blocks(raw: RawFile, layout: Layout, report: LineReport) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    (key,) = layout.keys
    number = 0
    for lines in raw.blocks():
        block = []
        for line in lines:
            number += 1
            if not line.strip():
                continue
            report.lines += 1
            try:
                record = read_record(line)
                block.append((check_identity(record.get(key), "item"), record))
            except BadLine as error:
                report.add_bad(number, str(error), line)
        yield block


def _describe(record: dict[str, Any], options: Options, report: ItemReport) -> list[str]:
    values = {
        "title": clean_text(record.get("title"), options.max_text, options.long_text),
        "categories": _categories(record, options),
        "brand": _brand(record),
        "price": _price(record.get("price"), report),
        "image": " ".join(image_addresses(_images(record), options.max_images)),
        "description": clean_text(record.get("description"), options.max_text, options.long_text),
    }
    report.filled.update(name for name, value in values.items() if value)
    return [values[name] for name in FIELDS if name != "item_id"]


def _categories(record: dict[str, Any], options: Options) -> str:
    for key in ("categories", "category", "main_category", "main_cat"):
        names = dict.fromkeys(clean_text(text) for text in texts(record.get(key)))
        good = [name for name in names if 0 < len(name) <= LONGEST_CATEGORY]
        if good:
            blank = " " if options.categories == "words" else "_"
            return " ".join(name.replace(" ", blank) for name in good)
    return ""


def _brand(record: dict[str, Any]) -> str:
    details = record.get("details")
    of_details = details.get("Brand") if isinstance(details, dict) else None
    brand = record.get("brand") or record.get("store") or of_details
    if isinstance(brand, str):
        brand = re.sub(r"^\s*by\s*\n", "", brand)  # 2018: "by", line breaks, the name
    text = clean_text(brand, LONGEST_CATEGORY)
    page = _PAGE_OF.fullmatch(text)
    return page[1] if page else text


def _price(value: Any, report: ItemReport) -> str:
    try:
        price = parse_price(value)
    except ValueError:
        report.rejected_prices[clean_text(str(value))[:40] or "program code"] += 1
        return ""
    return "" if price is None else repr(price)


def _images(record: dict[str, Any]) -> list[Any]:
    images = record.get("images")
    if isinstance(images, dict):  # the parquet copies of 2023 turn the list inside out
        images = [dict(zip(images, values, strict=False)) for values in zip(*images.values(), strict=False)]
    if isinstance(images, list):
        pictures = [image for image in images if isinstance(image, dict)]
        pictures.sort(key=lambda image: image.get("variant") != "MAIN")
        return [
            next((image[size] for size in ("large", "hi_res", "thumb") if image.get(size)), None) for image in pictures
        ]
    addresses = record.get("imageURLHighRes") or record.get("imageURL") or record.get("imUrl")
    return texts(addresses)
