"""Kinds of values that RecBole's keys of files and columns have, beside those of `recbole_metarec.settings.kinds`."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from typing_extensions import TypedDict

from recbole_metarec.settings.kinds import CLOSED, Column, Columns, Count, Is, Word, is_word

# -- texts ------------------------------------------------------------------------------------------------------------


def _is_separator(value: str) -> bool:
    return len(value) == 1 and value not in '"\n\r\0'


def _is_encoding(value: str) -> bool:
    try:
        return "".encode(value) == b"" and codecs.lookup(value).name != "utf-8-sig"
    except (LookupError, ValueError):
        return False


Separator = Annotated[str, Is("one character between columns, that is no quotation mark", _is_separator)]
SequenceSeparator = Annotated[str, Is("text between the entries of a sequence", bool)]
Encoding = Annotated[str, Is("the name of a text encoding, as utf-8 or gbk", _is_encoding)]
Affix = Annotated[str, Is("text that makes another name of a column", is_word)]

# -- which files and columns are read ---------------------------------------------------------------------------------

LoadedColumns = Annotated[
    Mapping[Word, Columns | Literal["*"]], Is("a mapping as in {inter: [user_id, item_id, timestamp]}", bool)
]
LeftOut = Annotated[Mapping[Word, Columns], Is("a mapping as in {inter: [rating]}", bool)]
Preloaded = Annotated[Mapping[Column, Column], Is("a mapping as in {ent_id: ent_emb}", bool)]
Lengths = Annotated[Mapping[Column, Count], Is("a mapping as in {title: 20}", bool)]
Endings = Annotated[Word | Sequence[Word], Is("a list of endings of files, as in [ent]")]
PartNames = Annotated[
    Sequence[Word],
    Is(
        "the three names between NAME and .inter, as in [train,valid,test]",
        lambda names: len(names) == len({*names}) == 3,
    ),
]

# -- filters and what values become -----------------------------------------------------------------------------------

_POINT = r"\s*([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|inf))\s*"
_INTERVAL = re.compile(rf"\s*[\[(]{_POINT},{_POINT}[\])]\s*", re.IGNORECASE)


def is_interval(value: str | Sequence[float]) -> bool:
    """Whether RecBole reads a value as an interval, or several; a list of two numbers has its ends."""
    if not isinstance(value, str):
        return len(value) == 2 and value[0] <= value[1]
    found = [_INTERVAL.fullmatch(part) for part in value.split(";")]
    return all(match and float(match[1]) <= float(match[2]) for match in found)


class _EqualWidth(TypedDict):
    __pydantic_config__ = CLOSED  # type: ignore[misc]

    method: Literal["ED"]
    bucket: Count


class _Logarithmic(TypedDict):
    __pydantic_config__ = CLOSED  # type: ignore[misc]

    method: Literal["LD"]


Intervals = Annotated[
    str | Sequence[float], Is('an interval as in "[5,inf)", or several with semicolons between them', is_interval)
]
Filters = Annotated[
    Mapping[
        Column,
        Annotated[str, Is("an interval", is_interval)] | Annotated[Sequence[Word | float], Is("values", bool)],
    ],
    Is('a mapping as in {rating: "[3,inf)"}, or {brand: [a, b]} for tokens', bool),
]
Threshold = Annotated[Mapping[Column, float], Is("a mapping as in {rating: 4}", lambda columns: len(columns) == 1)]
Buckets = Annotated[
    Mapping[Column, _EqualWidth | _Logarithmic],
    Is("a mapping as in {price: {method: ED, bucket: 10}}, or with {method: LD}", bool),
]
