"""What atomic ``.item`` files say about items: texts, prices, names of images.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_metarec.domains.atomic import read_header
from recbole_metarec.domains.cells import first_line, read_cells, surplus_problems
from recbole_metarec.errors import UserError


class Metadata(NamedTuple):
    """What is known of items, in the order in which they were asked for.

    Attributes
    ----------
    texts : list of str
        Blank where there is none.
    prices : float64 array, shape (n,)
        Not a number where there is none.
    images : list of list of str
        File names or addresses.
    """

    texts: list[str]
    prices: npt.NDArray[np.float64]
    images: list[list[str]]


def read_metadata(
    path: Path,
    item_field: str,
    text_fields: Sequence[str],
    price_field: str,
    image_field: str,
    separator: str = "\t",
    encoding: str = "utf-8",
) -> dict[str, tuple[str, float, list[str]]]:
    """Read an ``.item`` file.

    Parameters
    ----------
    path : Path
        The file; one that does not exist says nothing.
    item_field, price_field, image_field : str
        Names of columns; price and image may be missing.
    text_fields : sequence of str
        Columns that make the text, joined by blanks; those that the file lacks are left out.
    separator : str
        Column separator.
    encoding : str
        Text encoding of the file.

    Returns
    -------
    dict of str to (str, float, list of str)
        Text, price and images of each item.

    Raises
    ------
    UserError
        If the file is malformed, or an item stands there twice.
    """
    if not path.is_file():
        return {}
    header = read_header(path, separator, encoding)
    if item_field not in header:
        raise UserError([f"{path}: field {item_field!r} is missing; line 1 has {', '.join(header)}"])
    frame = read_cells(path, list(header), separator, encoding, quotes=False)
    surplus = surplus_problems(path, frame, len(header))
    if surplus:
        raise UserError(surplus)
    twice = frame[item_field].duplicated()
    if twice.any():
        item = frame[item_field][twice].iloc[0]
        raise UserError([f"{path}: line {first_line(twice)}: item {item} stands there twice; keep one of its lines"])
    blank = pd.Series("", index=frame.index)
    texts = blank
    for name in text_fields:
        texts = texts + " " + frame.get(name, blank)
    prices = pd.to_numeric(frame.get(price_field, blank), errors="coerce").to_numpy(np.float64)
    bad = ~np.isnan(prices) & ~((prices >= 0) & np.isfinite(prices))
    if bad.any():
        line = first_line(pd.Series(bad, index=frame.index))
        raise UserError([f"{path}: line {line}: {price_field} {prices[bad][0]} must be 0 or more"])
    images = frame.get(image_field, blank).str.split()
    rows = zip(frame[item_field], texts.str.strip(), prices, images, strict=True)
    return {item: (text, float(price), names) for item, text, price, names in rows}


def of_items(found: Mapping[str, tuple[str, float, list[str]]], tokens: Sequence[str]) -> Metadata:
    """Put what a file says into the order of a catalogue.

    Parameters
    ----------
    found : mapping
        Of `read_metadata`.
    tokens : sequence of str
        Items.

    Returns
    -------
    Metadata
    """
    rows = [found.get(token, ("", np.nan, [])) for token in tokens]
    prices = np.fromiter((price for _, price, _ in rows), np.float64, len(rows))
    return Metadata([text for text, _, _ in rows], prices, [images for _, _, images in rows])
