"""Interactions that are counted, each with what its user had before, and the pairs of items that they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.counts import Days, days_of
from recbole_metarec.settings.evidence import EvidenceSettings


class Counted(NamedTuple):
    """Interactions that were counted together: histories as in `Requests`, days in the place of times."""

    sequences: npt.NDArray[np.int32]
    days: Days
    begin: npt.NDArray[np.int32]
    end: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    at: Days

    @classmethod
    def of(cls, histories: Requests, items: npt.NDArray[Any]) -> Counted:
        """Take interactions with what the user of each had before, and when it was."""
        assert histories.times is not None
        assert histories.at is not None
        sequences, begin, end, own = (
            np.asarray(part).astype(np.int32) for part in (histories.items, histories.begin, histories.end, items)
        )
        return cls(sequences, days_of(histories.times), begin, end, own, days_of(histories.at))

    def requests(self) -> Requests:
        """Return the histories, with the first second of each day in the place of times."""
        times, at = (days.astype(np.float64) * DAY for days in (self.days, self.at))
        return Requests(self.sequences, times, self.begin.astype(np.int64), self.end.astype(np.int64), at)

    def check(self, n_items: int) -> None:
        """Raise a ValueError unless the arrays fit each other."""
        fits = len({len(part) for part in (self.begin, self.end, self.items, self.at)}) == 1
        fits = fits and len(self.sequences) == len(self.days)
        if not fits or (self.begin < 0).any() or (self.begin > self.end).any() or (self.end > len(self.days)).any():
            raise ValueError("histories do not fit their interactions")
        for items in (self.sequences, self.items):
            if len(items) and not 0 <= items.min() <= items.max() <= n_items:
                raise ValueError(f"counted items must lie between 1 and {n_items}")

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return plain arrays; see `of_state`."""
        whole = len(self.end) == len(self.sequences) and bool((self.end == np.arange(len(self.end))).all())
        if whole and (self.items == self.sequences).all() and (self.at == self.days).all():
            return {"sequences": self.sequences, "days": self.days, "begin": self.begin}  # the rest says it again
        return self._asdict()

    @classmethod
    def of_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> Counted:
        """Take what `state` returned."""
        if "end" in state:
            return cls(**state)
        sequences, days, begin = state["sequences"], state["days"], state["begin"]
        return cls(sequences, days, begin, np.arange(len(sequences), dtype=np.int32), sequences, days)


class Pairs(NamedTuple):
    """Pairs of items, with the day of the later one and what each counts, shape (E,) each."""

    before: npt.NDArray[np.int32]
    after: npt.NDArray[np.int32]
    days: Days
    weights: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> Pairs:
        """Return none."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))

    def and_also(self, *others: Pairs) -> Pairs:
        """Put more behind them."""
        return Pairs(*(np.concatenate(part) for part in zip(self, *others, strict=True)))

    def by_day(self) -> Pairs:
        """Sort them by their days."""
        order = np.argsort(self.days, kind="stable")
        return Pairs(self.before[order], self.after[order], self.days[order], self.weights[order])


def pairs_of(histories: Requests, items: npt.NDArray[Any], settings: EvidenceSettings) -> tuple[Pairs, Pairs]:
    """Pair new interactions with those before: all, in both directions, and those of one day."""
    assert histories.times is not None
    assert histories.at is not None
    near, together, days, items = [], [], days_of(histories.at), items.astype(np.int32)
    longest = int((histories.end - histories.begin).max(initial=0))
    for gap in range(1, min(settings.memory_reach, longest) + 1):
        place = histories.end - gap
        real = place >= histories.begin
        place, later, day = place[real], items[real], days[real]
        earlier = np.asarray(histories.items[place]).astype(np.int32)
        weight = np.full(len(place), 1 / gap)
        near += [Pairs(earlier, later, day, weight), Pairs(later, earlier, day, settings.memory_backward * weight)]
        same = days_of(histories.times[place]) == day
        earlier, later, day, ones = earlier[same], later[same], day[same], np.ones(int(same.sum()))
        together += [Pairs(earlier, later, day, ones), Pairs(later, earlier, day, ones)]
    return Pairs.none().and_also(*near), Pairs.none().and_also(*together)
