"""What `prepare` does to the interactions and texts, and what each group of papers chose."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timezone
from difflib import get_close_matches
from typing import Any

from recbole_metarec.amazon.clean import LongText
from recbole_metarec.amazon.filters import UNTIL_STABLE, Dedup
from recbole_metarec.amazon.vintages import Kind
from recbole_metarec.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Options:
    """Filters, in the order in which they are applied, and the cleaning of texts.

    Parameters
    ----------
    after, before : str
        Time range: a date such as ``2016-01-31`` (UTC) or a number in the unit of the source. ``after`` is the first
        moment kept, ``before`` the first that is not; empty sets no limit.
    min_rating : float
        Lowest rating kept.
    dedup : str
        ``none``, ``exact`` (same user, item, rating and time), ``first`` or ``last`` of each user and item.
    require_meta : bool
        Whether items without metadata are dropped.
    user_core, item_core : int
        Least interactions of a user and of an item; 0 sets no limit.
    k_core_passes : int
        Passes of the k-core filter; 0 for as many as it takes.
    max_bad : float
        Largest share of unreadable lines, from 0 to 1.
    max_text : int
        Most characters of a title or description; 0 sets no limit.
    long_text : str
        What becomes of longer ones: ``cut`` or ``drop``.
    max_images : int
        Most image addresses of an item; 0 sets no limit.
    categories : str
        ``words`` writes a category's words as tokens of their own, ``tokens`` joins them by underscores.

    Raises
    ------
    UserError
        If a value is out of its range: all of them.
    """

    after: str = ""
    before: str = ""
    min_rating: float = 0.0
    dedup: Dedup = "none"
    require_meta: bool = False
    user_core: int = 0
    item_core: int = 0
    k_core_passes: int = UNTIL_STABLE
    max_bad: float = 0.01
    max_text: int = 2000
    long_text: LongText = "cut"
    max_images: int = 4
    categories: str = "words"

    def __post_init__(self) -> None:
        problems = [
            f"{key}: {getattr(self, key)!r} must be one of {', '.join(choices)}"
            for key, choices in _CHOICES.items()
            if getattr(self, key) not in choices
        ]
        for key, (least, most) in _RANGES.items():
            value = getattr(self, key)
            if not least <= value <= most:
                problems.append(f"{key}: {value!r} must lie between {least} and {most}")
        for key in ("after", "before"):
            try:
                to_time(getattr(self, key), "s")
            except ValueError:
                problems.append(f"{key}: {getattr(self, key)!r} is neither a date such as 2016-01-31 nor a number")
        if problems:
            raise UserError(problems)


_CHOICES = {
    "dedup": ("none", "exact", "first", "last"),
    "long_text": ("cut", "drop"),
    "categories": ("words", "tokens"),
}
_RANGES = {
    "min_rating": (0, 5),
    "max_bad": (0, 1),
    **dict.fromkeys(("user_core", "item_core", "k_core_passes", "max_text", "max_images"), (0, 2**31)),
}


@dataclass(frozen=True)
class Preset:
    """The choices of a group of papers.

    Parameters
    ----------
    options : mapping
        Values that differ from the defaults of `Options`.
    kind : str
        Which public file these papers start from.
    note : str
        What is done and what is not reproduced, with the source.
    """

    options: Mapping[str, Any]
    kind: Kind
    note: str


PRESETS: Mapping[str, Preset] = types.MappingProxyType(
    {
        "raw": Preset({}, "ratings", "No filters of its own."),
        "unisrec": Preset(
            {
                "dedup": "exact",
                "require_meta": True,
                "user_core": 5,
                "item_core": 5,
                "max_text": 1999,
                "long_text": "drop",
            },
            "ratings",
            "UniSRec and VQ-Rec (github.com/RUCAIBox/UniSRec, dataset/preprocessing/process_amazon.py): identical "
            "lines count once, items without metadata are dropped, then 5-core of users and items to the fixed point; "
            "all ratings; texts of 2000 characters or more are dropped. UniSRec leaves the order of ties to chance, "
            "here it is that of the source file.",
        ),
        "sasrec": Preset(
            {"user_core": 5, "item_core": 5, "k_core_passes": 1},
            "reviews",
            "SASRec (github.com/kang205/SASRec, data/DataProcessing.py): users and items with fewer than 5 reviews in "
            "the source are dropped in one pass, so fewer than 5 may be left; nothing is deduplicated.",
        ),
        "p5": Preset(
            {"user_core": 5, "item_core": 5},
            "5core",
            "P5 and S3-Rec (github.com/jeykigung/P5, preprocess/data_preprocess_amazon.py): the published 5-core "
            "reviews, 5-core of users and items to the fixed point, nothing deduplicated, ratings above 0, which all "
            "are. P5 numbers users and items at random; here they keep their identities.",
        ),
    }
)
"""Presets by name."""


def to_time(text: str, unit: str) -> int | None:
    """Turn a date or a number into a timestamp.

    Parameters
    ----------
    text : str
        A date or moment in ISO 8601 (UTC if it names no zone), or a number in ``unit``; empty for none.
    unit : str
        ``s`` or ``ms``.

    Returns
    -------
    int or None

    Raises
    ------
    ValueError
        If the text is neither.
    """
    if not text:
        return None
    if text.isdecimal() and len(text) > 8:
        return int(text)
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * (1000 if unit == "ms" else 1))


def make_options(preset: str = "raw", **changes: Any) -> Options:
    """Take a preset's options and change some.

    Parameters
    ----------
    preset : str
        One of `PRESETS`.
    **changes
        Fields of `Options`; ``k_core`` stands for ``user_core`` and ``item_core``. Texts are read as the field's type.

    Returns
    -------
    Options

    Raises
    ------
    UserError
        If a name or a value is none: all of them.
    """
    problems = []
    if preset not in PRESETS:
        problems.append(f"preset: {preset!r} is none; write one of {', '.join(PRESETS)}")
    values = dict(PRESETS[preset].options) if preset in PRESETS else {}
    for key, value in sorted(changes.items(), key=lambda change: change[0] != "k_core"):
        try:
            if key == "k_core":
                values["user_core"] = values["item_core"] = _read(key, value, 0)
            else:
                values[key] = _read(key, value, _DEFAULTS.get(key))
        except ValueError as error:
            problems.append(str(error))
    try:
        options = replace(Options(), **values)
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(problems)
    return options


OPTION_NAMES = tuple(field.name for field in fields(Options))


def changed(options: Options, preset: str) -> dict[str, Any]:
    """Name the options that differ from a preset's."""
    of_preset = asdict(make_options(preset))
    return {key: value for key, value in asdict(options).items() if value != of_preset[key]}


def _read(key: str, value: Any, default: Any) -> Any:
    if default is None:
        close = get_close_matches(key, [*OPTION_NAMES, "k_core", "preset"], n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(OPTION_NAMES)}"
        raise ValueError(f"{key}: no such option; {hint}")
    kind = type(default)
    try:
        return value if type(value) is kind else _READERS[kind](str(value))
    except (ValueError, KeyError):
        raise ValueError(f"{key}: {value!r} must be {_KINDS[kind]}") from None


_DEFAULTS = asdict(Options())
_KINDS = {int: "a whole number", float: "a number", bool: "True or False"}
_READERS: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    bool: lambda text: {"true": True, "false": False}[text.lower()],
}
