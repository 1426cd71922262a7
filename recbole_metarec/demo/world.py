"""The world of the demonstration: a young garden shop, three older ones, a dealer in spare parts."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property

from recbole_metarec.demo.catalogues import GARDEN, PARTS
from recbole_metarec.demo.shops import Shop, Trade

_FIRST_DAY = date(2026, 1, 5)
_END = 138
_OPENED = 42  # the young shop
_VALIDATED, _TESTED = 72, 74  # from these days on
_GARDENERS = {"together": 35, "again": 40, "fashion": 55}
_MECHANICS = {"together": 85}


class World:
    """Shops, drawn at random.

    Parameters
    ----------
    seed : int
    share : float
        Of the customers; a world with fewer of them is made faster, and says less.

    Attributes
    ----------
    young : Trade
        The target.
    alike : list of Trade
        Older shops whose customers have the same habits, and other articles in fashion.
    unlike : Trade
        One whose customers have others.
    """

    def __init__(self, seed: int, share: float = 1.0) -> None:
        few, many = round(800 * share), round(1200 * share)
        since_ever, since_lately = (0, _END), (_OPENED, _END)
        self.seed = seed
        self.young = Trade(Shop("cork", GARDEN, since_lately, few, **_GARDENERS), seed)
        older = [Shop(name, GARDEN, since_ever, many, **_GARDENERS) for name in ("antwerp", "bergen", "lyon")]
        self.alike = [Trade(shop, seed) for shop in older]
        self.unlike = Trade(Shop("motors", PARTS, since_ever, many, **_MECHANICS), seed)

    @property
    def sources(self) -> list[Trade]:
        """All shops but the target."""
        return [*self.alike, self.unlike]

    @cached_property
    def points(self) -> list[str]:
        """The dates from which on the target is validated and tested."""
        return [str(date_of(day)) for day in (_VALIDATED, _TESTED)]

    @property
    def today(self) -> int:
        """The day after the last."""
        return _END


def date_of(day: int) -> date:
    """Return the date of a day of the world."""
    return _FIRST_DAY + timedelta(day)
