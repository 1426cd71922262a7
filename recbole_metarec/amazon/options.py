"""What `prepare` does to the interactions and texts, and what each group of papers chose."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from recbole_metarec.amazon.vintages import Kind
from recbole_metarec.datasets.changes import read_changes
from recbole_metarec.datasets.clean import LongText
from recbole_metarec.datasets.rules import UNTIL_STABLE, Dedup
from recbole_metarec.errors import UserError
from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.dates import seconds_in_utc
from recbole_metarec.settings.kinds import Is, Share


def _is_moment(value: str) -> bool:
    try:
        to_time(value, "s")
    except ValueError:
        return False
    return True


Moment = Annotated[str, Is("a date such as 2016-01-31 or a number", _is_moment)]
Number = Annotated[int, Ge(0), Le(2**31)]


class Options(Settings):
    """Filters, in the order in which they are applied, and the cleaning of texts."""

    group = "Options"

    after: Moment = option(
        "", "First moment kept: a date (UTC) or a number in the unit of the source; empty sets no limit."
    )
    before: Moment = option("", "First moment that is not kept, likewise.")
    min_rating: Annotated[float, Ge(0), Le(5)] = option(0.0, "Lowest rating kept.")
    dedup: Dedup = option("none", "Which of repeated interactions stay; exact: same user, item, rating and time.")
    require_meta: bool = option(False, "Drop items without metadata.")
    user_core: Number = option(0, "Least interactions of a user; 0 sets no limit.")
    item_core: Number = option(0, "Least interactions of an item, likewise; --k_core sets both.")
    k_core_passes: Number = option(UNTIL_STABLE, "Passes of this filter; 0 for as many as it takes, 1 is SASRec's.")
    max_bad: Share = option(0.01, "Largest share of unreadable lines.")
    max_text: Number = option(2000, "Most characters of a title or description; 0 sets no limit.")
    long_text: LongText = option("cut", "What becomes of longer ones.")
    max_images: Number = option(4, "Most image addresses of an item; 0 sets no limit.")
    categories: Literal["words", "tokens"] = option(
        "words", "words writes a category's words one by one, tokens joins them by underscores."
    )


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
    return round(seconds_in_utc(datetime.fromisoformat(text)) * (1000 if unit == "ms" else 1))


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
    changed_values, wrong = read_changes(Options, changes, {"k_core": ("user_core", "item_core")})
    values.update(changed_values)
    problems += wrong
    if problems:
        raise UserError(problems)
    return Options(**values)


OPTION_NAMES = tuple(Options.model_fields)


def changed(options: Options, preset: str) -> dict[str, Any]:
    """Name the options that differ from a preset's."""
    of_preset = make_options(preset).model_dump()
    return {key: value for key, value in options.model_dump().items() if value != of_preset[key]}
