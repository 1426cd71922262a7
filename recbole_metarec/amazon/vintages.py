"""What was published when, under which names, and where.

The collections: https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html (2014),
https://cseweb.ucsd.edu/~jmcauley/datasets/amazon_v2/ (2018), https://amazon-reviews-2023.github.io/ (2023).
Dataset names are those of RecBole's ``properties/dataset/url.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal, cast

from recbole_metarec.errors import UserError

Vintage = Literal[2014, 2018, 2023]
Kind = Literal["reviews", "5core", "ratings", "meta"]

VINTAGES: tuple[Vintage, ...] = (2014, 2018, 2023)
KINDS: tuple[Kind, ...] = ("reviews", "5core", "ratings", "meta")

_EVERY_VINTAGE = (
    "Automotive Books CDs_and_Vinyl Cell_Phones_and_Accessories Clothing_Shoes_and_Jewelry Digital_Music Electronics "
    "Grocery_and_Gourmet_Food Home_and_Kitchen Kindle_Store Movies_and_TV Musical_Instruments Office_Products "
    "Patio_Lawn_and_Garden Pet_Supplies Sports_and_Outdoors Tools_and_Home_Improvement Toys_and_Games Video_Games"
)
_SINCE_2018 = (
    "All_Beauty Appliances Arts_Crafts_and_Sewing Gift_Cards Industrial_and_Scientific Magazine_Subscriptions Software"
)
_ONLY: Mapping[Vintage, str] = {
    2014: "Amazon_Instant_Video Apps_for_Android Baby Beauty Health_and_Personal_Care",
    2018: f"{_SINCE_2018} AMAZON_FASHION Luxury_Beauty Prime_Pantry",
    2023: f"{_SINCE_2018} Amazon_Fashion Baby_Products Beauty_and_Personal_Care Handmade_Products "
    "Health_and_Household Health_and_Personal_Care Subscription_Boxes",
}
CATEGORIES: Mapping[Vintage, tuple[str, ...]] = MappingProxyType(
    {vintage: tuple(sorted(f"{_EVERY_VINTAGE} {own}".split(), key=str.lower)) for vintage, own in _ONLY.items()}
)
"""Categories of each vintage, as the dumps spell them."""

_SNAP = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles"
_LAB = "https://mcauleylab.ucsd.edu/public_datasets/data"
ADDRESSES: Mapping[Vintage, Mapping[Kind, str]] = MappingProxyType(
    {
        2014: {
            "reviews": f"{_SNAP}/reviews_{{}}.json.gz",
            "5core": f"{_SNAP}/reviews_{{}}_5.json.gz",
            "ratings": f"{_SNAP}/ratings_{{}}.csv",
            "meta": f"{_SNAP}/meta_{{}}.json.gz",
        },
        2018: {
            "reviews": f"{_LAB}/amazon_v2/categoryFiles/{{}}.json.gz",
            "5core": f"{_LAB}/amazon_v2/categoryFilesSmall/{{}}_5.json.gz",
            "ratings": f"{_LAB}/amazon_v2/categoryFilesSmall/{{}}.csv",
            "meta": f"{_LAB}/amazon_v2/metaFiles2/meta_{{}}.json.gz",
        },
        2023: {
            "reviews": f"{_LAB}/amazon_2023/raw/review_categories/{{}}.jsonl.gz",
            "5core": f"{_LAB}/amazon_2023/benchmark/5core/rating_only/{{}}.csv.gz",
            "ratings": f"{_LAB}/amazon_2023/benchmark/0core/rating_only/{{}}.csv.gz",
            "meta": f"{_LAB}/amazon_2023/raw/meta_categories/meta_{{}}.jsonl.gz",
        },
    }
)
"""Public address of each file; ``{}`` stands for the category. ``ratings`` have no text, ``5core`` is filtered."""


def dataset_name(category: str, vintage: Vintage) -> str:
    """Spell a category as RecBole's dataset names do.

    Parameters
    ----------
    category : str
        A category in the dumps' spelling.
    vintage : int
        2014, 2018 or 2023.

    Returns
    -------
    str
        E.g. ``amazon-cds-vinyl-18`` for ``CDs_and_Vinyl`` of 2018; 2014 has no suffix.
    """
    words = re.findall(r"[a-z0-9]+", category.lower())
    if words[:1] == ["amazon"]:
        words = words[1:]
    suffix = [] if vintage == 2014 else [str(vintage % 100)]
    return "-".join(["amazon", *(word for word in words if word != "and"), *suffix])


def made_by(name: str) -> str | None:
    """Name the command that makes a dataset.

    Parameters
    ----------
    name : str
        A dataset name.

    Returns
    -------
    str or None
        None if it is not the name of an Amazon domain.
    """
    for vintage, categories in CATEGORIES.items():
        for category in categories:
            if dataset_name(category, vintage) == name:
                command = "python -m recbole_metarec.amazon prepare"
                return f"{command} --vintage={vintage} --category={category} --k_core=5"
    return None


def find_vintage(text: str | int) -> Vintage:
    """Read a vintage.

    Raises
    ------
    UserError
        If it is not one of `VINTAGES`.
    """
    if str(text) not in map(str, VINTAGES):
        raise UserError([f"vintage: {text!r} is none; write one of {', '.join(map(str, VINTAGES))}"])
    return cast(Vintage, int(text))


def find_category(text: str, vintage: Vintage) -> str:
    """Find a category by the dumps' spelling, in any case, or by the dataset name.

    Returns
    -------
    str
        The dumps' spelling.

    Raises
    ------
    UserError
        If the vintage has no such category; close ones are named.
    """
    spellings = {spelling.lower(): spelling for spelling in CATEGORIES[vintage]}
    spellings |= {dataset_name(spelling, vintage): spelling for spelling in CATEGORIES[vintage]}
    wanted = re.sub(r"[\s&]+", "_", text.strip().lower())
    if wanted in spellings:
        return spellings[wanted]
    close = {spellings[key]: None for key in get_close_matches(wanted, spellings, n=4, cutoff=0.5)}
    hint = f"; did you mean {' or '.join(close)}?" if close else "; `list` shows all"
    raise UserError([f"category: {vintage} has no {text!r}{hint}"])


def address(vintage: Vintage, kind: Kind, category: str) -> str:
    """Public address of a file.

    Parameters
    ----------
    vintage : int
        2014, 2018 or 2023.
    kind : str
        One of `KINDS`.
    category : str
        A category in the dumps' spelling.

    Returns
    -------
    str
    """
    return ADDRESSES[vintage][kind].format(category)
