"""Recognise what a raw file holds from its first lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from recbole_metarec.amazon.layouts import Layout
from recbole_metarec.amazon.rawfile import head
from recbole_metarec.amazon.records import BadLine, read_record
from recbole_metarec.errors import UserError

_OLD_KEYS = ("reviewerID", "asin", "overall", "unixReviewTime")
_NEW_KEYS = ("user_id", "parent_asin", "rating", "timestamp")

_ITEM = re.compile(r"[0-9B][0-9A-Z]{9}")
_USER = re.compile(r"A[0-9A-Z]{10,}|#oc-\w+")


def recognise(path: Path) -> Layout:
    """Find out which vintage a raw file is of, and whether it holds reviews, ratings or metadata.

    Parameters
    ----------
    path : Path
        A raw file, compressed or not.

    Returns
    -------
    Layout

    Raises
    ------
    UserError
        If the file cannot be read or looks like none of them.
    """
    lines = head(path)
    layout = _of_keys(_keys(lines[:200])) or _of_columns(lines)
    if layout is None:
        start = lines[0][:60].decode("utf-8", "replace")
        raise UserError(
            [
                f"{path}: neither reviews, ratings nor metadata of 2014, 2018 or 2023; it starts with {start!r}; "
                "`list` shows the addresses of the public files"
            ]
        )
    return layout


def _keys(lines: Sequence[bytes]) -> set[str]:
    keys: set[str] = set()
    for line in lines:
        try:
            keys |= read_record(line).keys()
        except BadLine:
            continue
    return keys


def _of_keys(keys: set[str]) -> Layout | None:
    if {"reviewerID", "asin"} <= keys:
        return Layout(2014 if "helpful" in keys else 2018, "reviews", _OLD_KEYS)
    if {"user_id", "rating"} <= keys:
        return Layout(2023, "reviews", _NEW_KEYS)
    if "parent_asin" in keys:
        return Layout(2023, "metadata", ("parent_asin",))
    if "asin" in keys and {"category", "main_cat", "imageURL", "also_buy", "tech1"} & keys:
        return Layout(2018, "metadata", ("asin",))
    if "asin" in keys and {"categories", "imUrl", "salesRank", "related", "title"} & keys:
        return Layout(2014, "metadata", ("asin",))
    return None


def _of_columns(lines: Sequence[bytes]) -> Layout | None:
    rows = [line.decode("utf-8", "replace").strip().replace('"', "").split(",") for line in lines]
    if set(_NEW_KEYS) <= set(rows[0]):
        return Layout(2023, "ratings", _NEW_KEYS, tuple(rows[0]), header=True)
    rows = [row for row in rows if len(row) == 4]
    user_first = sum(bool(_USER.fullmatch(row[0])) + bool(_ITEM.fullmatch(row[1])) for row in rows)
    item_first = sum(bool(_USER.fullmatch(row[1])) + bool(_ITEM.fullmatch(row[0])) for row in rows)
    if user_first == item_first:
        return None
    if user_first > item_first:
        return Layout(2014, "ratings", _OLD_KEYS, _OLD_KEYS)
    user, item, rating, time = _OLD_KEYS
    return Layout(2018, "ratings", _OLD_KEYS, (item, user, rating, time))
