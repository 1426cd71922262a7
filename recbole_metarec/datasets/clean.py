"""Metadata made fit for RecBole's reader and for text encoders: texts, prices and image addresses."""

from __future__ import annotations

import html
import math
import re
from typing import Any, Literal

LongText = Literal["cut", "drop"]

_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)", re.IGNORECASE | re.DOTALL)
# a text that was cut off may end inside a tag
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[a-zA-Z]+\s[^<>]*=[^<>]*$")
# separators beyond \s: zero-width and byte-order marks, and all control characters
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\u2060\ufeff]+")
# a page's scripts or styles in place of a text: in 2018 they stand where titles and prices should
_CODE = re.compile(r"getTime\(\)|\bfunction\s*\([^()]*\)\s*\{|[.#][\w-]+[^{}.]*\{\s*[\w-]+\s*:[^{}]*\}")

_NUMBER = r"(?:US)?\$?\s*(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_PRICE = re.compile(rf"(?:from:?\s*)?{_NUMBER}(?:\s*(?:-|\u2013|\u2014|to)\s*{_NUMBER})?", re.IGNORECASE)
_NO_PRICE = {"", "none", "null", "nan", "n/a", "-", "\u2013", "\u2014"}

_ADDRESS = re.compile(r"https?://[!#-&(-;=?-\[\]-~]+")


def clean_text(value: Any, limit: int = 0, long_text: LongText = "cut") -> str:
    """Make one line of plain text.

    HTML is taken out, double quotation marks become two single ones (RecBole's reader takes a leading one for the
    start of a quotation and loses lines), control characters and runs of blanks become one blank.

    Parameters
    ----------
    value : object
        A text, or a list of them, however deep; anything else gives no text.
    limit : int
        Most characters; 0 sets no limit.
    long_text : str
        What becomes of a longer text: ``cut`` before the word that exceeds the limit, or ``drop``, as UniSRec does.

    Returns
    -------
    str
        Empty if there is nothing, or program code in place of a text.
    """
    text = " ".join(texts(value)).encode("utf-8", "ignore").decode()  # half surrogates cannot be written
    if "&" in text:
        text = html.unescape(html.unescape(text))  # 2018 has &amp;amp;
    if "<" in text:
        text = _TAG.sub(" ", _HIDDEN.sub(" ", text))
    text = _BLANKS.sub(" ", text).strip().replace('"', "''")
    if _CODE.search(text):
        return ""
    if limit and len(text) > limit:
        return (text[: limit + 1].rpartition(" ")[0] or text[:limit]) if long_text == "cut" else ""
    return text


def texts(value: Any) -> list[str]:
    """Flatten texts in lists of lists, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return []


def parse_price(value: Any) -> float | None:
    """Read a price in dollars.

    Parameters
    ----------
    value : object
        A number, or a text such as ``$1,299.00``, ``12.99 - 24.99`` or ``from 9.99``: of a range its lower end.

    Returns
    -------
    float or None
        None if there is none: null, an empty text, a dash.

    Raises
    ------
    ValueError
        If it is anything else: the HTML of 2018, other currencies, a negative number.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _check_price(float(value))
    if not isinstance(value, str):
        raise ValueError("no price")
    text = value.strip()
    if text.lower() in _NO_PRICE:
        return None
    match = _PRICE.fullmatch(text)
    if match is None:
        raise ValueError("no price")
    return min(_check_price(float(number.replace(",", ""))) for number in match.groups() if number)


def _check_price(price: float) -> float:
    if not 0 <= price < 1e9:
        raise ValueError("no price")
    return price


def image_addresses(values: list[Any], limit: int) -> list[str]:
    """Keep the addresses that are whole, each once.

    Parameters
    ----------
    values : list
        Candidates, the main image first.
    limit : int
        Most addresses; 0 sets no limit.

    Returns
    -------
    list of str
        Without those of 2014's "no image" picture.
    """
    found = [value.strip() for value in values if isinstance(value, str)]
    good = [value for value in found if _ADDRESS.fullmatch(value) and "no-img" not in value]
    return list(dict.fromkeys(good))[: limit or None]
