"""How RecBole evaluates: splits, metrics, and which of them chooses epochs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from typing_extensions import TypedDict

from recbole_metarec.settings.base import Keyed, Settings, option
from recbole_metarec.settings.dates import seconds_of
from recbole_metarec.settings.kinds import (
    CLOSED,
    Count,
    Follows,
    Is,
    Nonnegative,
    Whole,
    Word,
    listed,
    mismatch,
    some_of,
)

RANKING_METRICS = (
    *("averagepopularity", "gauc", "giniindex", "hit", "itemcoverage", "map", "mrr", "ndcg", "precision", "recall"),
    *("shannonentropy", "tailpercentage"),
)
"""RecBole's metrics, in lower case, that need no labels."""

LABEL_METRICS = ("auc", "logloss", "mae", "rmse")
"""RecBole's metrics, in lower case, that need labels."""


# -- split, order, candidates -----------------------------------------------------------------------------------------


def _sum_up(shares: Sequence[float]) -> bool:
    if len(shares) != 3:
        return False
    train, _, test = shares
    # RecBole divides by the sum: 8, 1, 1 are shares, .5, .1, .1 are more likely a slip
    return train > 0 and test > 0 and (all(isinstance(share, int) for share in shares) or abs(sum(shares) - 1) < 1e-6)


# a whole number alone would become a fraction
_Shares = Annotated[Sequence[Whole | Nonnegative], Is("three shares", _sum_up)]


def _are_points(points: Sequence[float | str]) -> bool:
    shares = [point for point in points if not isinstance(point, str)]
    dates = [seconds_of(point) for point in points if isinstance(point, str)]
    if len(points) != 2 or None in dates or not all(0 < share < 1 for share in shares):
        return False
    return all(earlier < later for each in (shares, dates) for earlier, later in pairwise(each))  # type: ignore[operator]


_Points = Annotated[Sequence[float | str], Is("two increasing points", _are_points)]


class _Split(TypedDict, total=False):
    __pydantic_config__ = CLOSED  # type: ignore[misc]

    LS: Literal["valid_and_test", "test_only"]
    RS: _Shares
    TS: _Shares
    time: _Points


def _is_mode(value: str) -> bool:
    return re.fullmatch(r"full|(uni|pop)[1-9]\d{0,5}", value) is not None


_Mode = Annotated[str, Is("full, or uni or pop with a number", _is_mode)]


class _Modes(TypedDict, total=False):
    __pydantic_config__ = CLOSED  # type: ignore[misc]

    valid: _Mode
    test: _Mode


_EVAL_PARTS: dict[str, Any] = {
    "split": Annotated[
        _Split,
        Is(
            "{LS: valid_and_test}, {LS: test_only}, RS or TS with three shares that sum up to 1, the first and the "
            "last above 0, as {RS: [0.8,0.1,0.1]}, or time with two increasing points, shares of all interactions or "
            "dates, as {time: [0.8,0.9]} or {time: ['2014-01-01','2014-04-01']}",
            lambda split: len(split) == 1,
        ),
    ],
    "order": Literal["TO"],
    "group_by": Literal["user", "none"] | None,
    "mode": Annotated[
        _Mode | Annotated[_Modes, Is("a mode for each part", bool)],
        Is("full, or uni or pop with a number, as in uni100; labeled would need labels"),
    ],
}


def _eval_args(value: object) -> str | None:
    if not isinstance(value, Mapping) or value.get("order") != "TO":
        return "order must be TO, as in {split: {LS: valid_and_test}, order: TO, mode: full}"
    wrong = [f"{part} is none of {', '.join(_EVAL_PARTS)}" for part in value if part not in _EVAL_PARTS]
    parts = {part: mismatch(kind, value[part]) for part, kind in _EVAL_PARTS.items() if part in value}
    wrong += [f"{part} {line}" for part, line in parts.items() if line]
    if not wrong and "LS" not in value.get("split", {"LS": ""}) and _samples(value.get("mode")):
        wrong.append(
            "mode must be full in a split by RS, TS or time, where a user has several targets; or write "
            "{LS: valid_and_test}"
        )
    return "; ".join(wrong) or None


def _samples(mode: object) -> bool:
    """Whether test targets are ranked among sampled candidates."""
    tested = mode.get("test") if isinstance(mode, Mapping) else mode
    return tested not in (None, "full")


def points_of(settings: Keyed) -> list[Any] | None:
    """Return the points of time at which settings split; ``None`` if they do so otherwise."""
    arguments = settings["eval_args"]
    split = arguments.get("split") if isinstance(arguments, Mapping) else None
    points = split.get("time") if isinstance(split, Mapping) else None
    return list(points) if isinstance(points, (list, tuple)) else None


# -- metrics ----------------------------------------------------------------------------------------------------------


_SOME_METRICS = some_of(*RANKING_METRICS)


def _metrics(value: object) -> str | None:
    wrong = _SOME_METRICS.rule(value)
    labelled = [str(name) for name in listed(value) if str(name).lower() in LABEL_METRICS]
    return f"{wrong}; {', '.join(labelled)} would need labels" if wrong and labelled else wrong


TopK = Annotated[
    Count | Sequence[Count],
    Is("a whole number of 1 or more, or a list of them, as in [5,10]", lambda value: len(listed(value)) > 0),
]


class ProtocolSettings(Settings):
    """RecBole's own keys of evaluation that have another default here."""

    group = "Evaluation"

    eval_args: Annotated[Mapping[str, Any], Follows(_eval_args)] = option(
        {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "Leave-one-out: a user's last item tests, the one before validates. split: {time: [0.8,0.9]} instead divides "
        "at two points of time: what is had before the first is learnt from, what is had from the second on tests; a "
        "day is never divided, unless a point is a date with a time.",
        "RecBole",
    )
    metrics: Annotated[str | Sequence[str], Follows(_metrics)] = option(
        ["Recall", "NDCG", "MRR", "Hit"], "RecBole's names of metrics."
    )
    topk: TopK = option([10], "Lengths of lists that metrics look at.", "RecBole")
    valid_metric: Word = option("NDCG@10", "The metric that epochs are chosen by.")
    metric_decimal_place: Annotated[int, Ge(1), Le(100)] = option(
        6, "RecBole rounds metrics before early stopping compares them; 4 places make ties.", "Ours"
    )
