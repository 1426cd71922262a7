"""Shops in which people buy for reasons that are known, so that it is known what a model should find."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import accumulate
from random import Random
from typing import NamedTuple, TypeVar

from recbole_metarec.demo.catalogues import Catalogue, articles

FORTNIGHT = 14
_IN_FASHION = (6, 5, 4, 3, 2, 1)  # how often each of a fortnight's articles is bought
_GO_WITH = (3, 1)  # likewise, of what goes with an article
_AT_ONCE = (6, 3, 1)  # how often somebody buys one article, two, three
_DAYS_BETWEEN = (25, 50)  # until a customer comes back
_DAYS_TO_USE_UP = 24
_OPENING, _HOURS, _MINUTE = 8 * 3600, 8, 60
_TRIES = 20

T = TypeVar("T")


@dataclass(frozen=True)
class Shop:
    """How people buy in a shop.

    Attributes
    ----------
    name : str
    catalogue : Catalogue
    days : tuple of int
        The first one on which it is open, and the one after the last.
    customers : int
        Each of them comes first on any day, and again after some weeks.
    together : int
        How often out of 100 what is bought besides goes with the article before; where nothing is bought `again` or for
        `fashion`, everything but a customer's first purchase does so often.
    again, fashion : int
        How often out of 100 anything else replaces what is used up, and how often it is in fashion in that fortnight.
        What remains is a matter of taste.
    """

    name: str
    catalogue: Catalogue
    days: tuple[int, int]
    customers: int
    together: int
    again: int = 0
    fashion: int = 0


class Reason(Enum):
    """Why somebody buys something."""

    FASHION = "in fashion that fortnight"
    TOGETHER = "goes with what was bought before"
    AGAIN = "used up, and bought again"
    TASTE = "a matter of taste"


class Purchase(NamedTuple):
    """What somebody bought.

    Attributes
    ----------
    customer, article : int
        Their numbers.
    day, second : int
        The day, and its second.
    reason : Reason
    """

    customer: int
    article: int
    day: int
    second: int
    reason: Reason


class Draws:
    """Random draws of whole numbers, the same on every machine."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def below(self, number: int) -> int:
        """Draw a number from 0 on."""
        return int(self._random.random() * number)

    def place(self, weights: Sequence[int]) -> int:
        """Draw a place in some weights, as often as they say."""
        sums = [*accumulate(weights)]
        return bisect(sums, self.below(sums[-1]))

    def one(self, of: Sequence[T]) -> T:
        """Draw one of several."""
        return of[self.below(len(of))]

    def some(self, number: int, of: Sequence[T]) -> list[T]:
        """Draw some of several, none of them twice."""
        left = [*of]
        return [left.pop(self.below(len(left))) for _ in range(number)]


class Trade:
    """What goes on in a shop.

    Parameters
    ----------
    shop : Shop
    seed : int

    Attributes
    ----------
    articles : list of Article
    go_with : list of list of int
        Of each article, those that go with it, the most usual first.
    fashions : list of list of int
        Of each fortnight, the articles in fashion, the most usual first.
    """

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self._draws = shop, Draws(f"{shop.name} {seed}")
        self.articles = [*articles(shop.catalogue)]
        self._of_category: dict[str, list[int]] = {}
        for number, article in enumerate(self.articles):
            self._of_category.setdefault(article.category, []).append(number)
        self.go_with = [self._drawn_together(article.category) for article in self.articles]
        numbers = range(len(self.articles))
        self.fashions = [self._draws.some(len(_IN_FASHION), numbers) for _ in range(shop.days[1] // FORTNIGHT + 1)]

    def _drawn_together(self, category: str) -> list[int]:
        near = self.shop.catalogue[category].together
        return [self._draws.one(self._of_category[self._draws.one(near)]) for _ in _GO_WITH]

    def in_fashion(self, day: int) -> list[int]:
        """Return the articles that are in fashion on a day, the most usual first."""
        return self.fashions[day // FORTNIGHT] if self.shop.fashion else []

    @cached_property
    def purchases(self) -> list[Purchase]:
        """All that is bought, by customer and time."""
        return [purchase for customer in range(self.shop.customers) for purchase in self._of_customer(customer)]

    def _of_customer(self, customer: int) -> Iterator[Purchase]:
        draws, (first, end) = self._draws, self.shop.days
        day, likes = first + draws.below(end - first), draws.some(2, [*self.shop.catalogue])
        had: dict[int, int] = {}  # on which day, the last purchase at the end
        while day < end:
            opened = _OPENING + 3600 * draws.below(_HOURS)
            for nth in range(1 + draws.place(_AT_ONCE)):
                choice = self._choice(day, had, likes)
                if choice is not None:
                    article, reason = choice
                    had.pop(article, None)
                    had[article] = day
                    yield Purchase(customer, article, day, opened + nth * _MINUTE, reason)
            shortest, longest = _DAYS_BETWEEN
            day += shortest + draws.below(longest - shortest)

    def _choice(self, day: int, had: Mapping[int, int], likes: Sequence[str]) -> tuple[int, Reason] | None:
        """Choose what a customer does not have yet, or has used up; ``None`` if nothing comes to mind."""
        shop, draws = self.shop, self._draws
        last = next(reversed(had), None)
        is_added = last is not None and (had[last] == day or not shop.again + shop.fashion)
        for _ in range(_TRIES):
            chance = draws.below(100)
            if is_added and last is not None and draws.below(100) < shop.together:
                article, reason = self.go_with[last][draws.place(_GO_WITH)], Reason.TOGETHER
            elif chance < shop.again:
                used_up = [number for number, since in had.items() if self._is_used_up(number, day - since)]
                if used_up:
                    return draws.one(used_up), Reason.AGAIN
                continue
            elif chance < shop.again + shop.fashion:
                article, reason = self.in_fashion(day)[draws.place(_IN_FASHION)], Reason.FASHION
            else:
                article, reason = draws.one(self._of_category[draws.one(likes)]), Reason.TASTE
            if article not in had:
                return article, reason
        return None

    def _is_used_up(self, article: int, days: int) -> bool:
        return days >= _DAYS_TO_USE_UP and self.shop.catalogue[self.articles[article].category].is_used_up
