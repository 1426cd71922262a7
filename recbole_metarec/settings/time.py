"""What timestamps are, and what follows from them."""

from __future__ import annotations

from typing import Literal

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Count


class TimeSettings(Settings):
    """Timestamps, and evaluation by the clock."""

    group = "Time"

    time_unit: Literal["auto", "s", "ms", "us", "ns", "none"] = option(
        "auto",
        "What timestamps count, since 1970 and in UTC; auto tells by their size. none: they only say what came first.",
    )
    shuffle_ties: bool = option(
        False,
        "Whether a user's interactions of one timestamp are put in random order, fixed by the seed, for all models "
        "alike. Files whose timestamps are days often have them in the order of item names, which models learn.",
    )
    known_items: bool = option(
        False,
        "Whether only items that someone had on a day before the request are candidates, for all models alike.",
    )
    requests_per_user: Count | None = option(
        None,
        "In a split by time, so many targets of a user at most validate, and so many test, drawn alike for all models "
        "and seeds. ~ takes all.",
    )
