"""Evidence that knows the clock: what says, on the day of a request, which item comes next.

All that is counted lies on days (UTC) before that of the request, so that interactions of one day, whose order is often
unknown, never tell of each other. What a request's own history holds of its day is known.
"""

# Shapes: B requests, R positions that are read, the last one first, I items (row 0 is padding), K kinds of evidence,
# C kinds of context, F columns of a day's table, D latent factors.

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from typing_extensions import Self

from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.asked import FADING, NEAR, Asked, PairsRead
from recbole_metarec.evidence.counted import Counted, Pairs, pairs_of
from recbole_metarec.evidence.counts import Days, ItemCounts, days_of
from recbole_metarec.evidence.latent import Factors, LatentFactors
from recbole_metarec.evidence.pairs import PairsByDay, SummedPairs, TimedPairs
from recbole_metarec.settings.evidence import EvidenceSettings

SAME_DAY_SMOOTHING = 5.0
HOT_DAYS = 7.0
"""Days in which the taste for what is hot falls to a third."""
FACTOR_DECAY = 0.8
"""Weight of an item of the sequence relative to the next, where factors are asked."""
_AT_ONCE, _MOST_AT_ONCE = 2**19, 64  # scores, and requests
_BITS = 22  # of a day in a number that tells items and days


class CountedKinds(NamedTuple):
    """What is known of items on the morning of a day by counting alone.

    Attributes
    ----------
    table_KI : Tensor, shape (8, I)
        Evidence of `COUNTED` kinds.
    share_I : Tensor, shape (I,)
        Popularity, where no count is below one half.
    known_I : BoolTensor, shape (I,)
        Items that somebody had before.
    """

    table_KI: Tensor
    share_I: Tensor
    known_I: Tensor


class TimedEvidence:
    """Evidence from interactions whose times are known, to ask for any day.

    Parameters
    ----------
    n_items : int
        Size of the catalogue.
    settings : EvidenceSettings
    """

    def __init__(self, n_items: int, settings: EvidenceSettings, counted: Iterable[Counted] = ()) -> None:
        self.n_items, self.settings = n_items, settings
        self._counted = list(counted)
        self._prepare()

    @classmethod
    def fit(cls, domain: Domain, settings: EvidenceSettings, also: Sequence[Domain] = ()) -> Self:
        """Count a domain that knows the times of its interactions, and others that have its items."""
        counted = [Counted.of(each.requests(np.arange(each.n_interactions)), each.items) for each in (domain, *also)]
        return cls(domain.n_items, settings, counted)

    def update(self, histories: Requests, items: npt.NDArray[Any]) -> None:
        """Count new interactions, without any training.

        Parameters
        ----------
        histories : Requests
            What the user of each had before, and when it was.
        items : int array, shape (n_new,)
            The item of each.
        """
        self._counted = [*self._counted, Counted.of(histories, items)]
        self._prepare()

    def state(self) -> dict[str, Any]:
        """Return what was counted as plain values and arrays; see `of_state`."""
        factors = None if self._factors is None else self._factors.latest()._asdict()
        return {
            "n_items": self.n_items,
            "counted": [counted.state() for counted in self._counted],
            "factors": factors,
            "pairs": {"transitions": self.transitions.latest.state(), "same day": self.same_day.latest.state()},
        }

    def content(self) -> bytes:
        """Return a digest that no evidence has that counts other interactions."""
        found = hashlib.sha256(str(self.n_items).encode())
        for part in (part for counted in self._counted for part in counted):
            found.update(str(len(part)).encode())
            found.update(part.tobytes())
        return found.digest()

    @classmethod
    def of_state(cls, state: Mapping[str, Any], settings: EvidenceSettings) -> Self:
        """Count what `state` returned, with exactly the same result.

        Raises
        ------
        ValueError
            If the arrays do not fit each other.
        """
        n_items, counted = int(state["n_items"]), [Counted.of_state(each) for each in state["counted"]]
        for each in counted:
            each.check(n_items)
        evidence = cls(n_items, settings, counted)
        if "pairs" in state:  # which would take long to make
            near, together = (
                SummedPairs.of_state(state["pairs"][kind], n_items) for kind in ("transitions", "same day")
            )
            evidence._keep_pairs(near, together)
        if evidence._factors is not None and state["factors"] is not None:
            evidence._factors.keep_latest(Factors(**state["factors"]))
        return evidence

    def grow(self, n_items: int) -> None:
        """Take up items that nobody has had, behind the others."""
        self.n_items = n_items
        self._prepare()

    def _prepare(self) -> None:
        items, days = (
            np.concatenate([np.zeros(0, np.int32), *(getattr(each, field) for each in self._counted)])
            for field in ("items", "at")
        )
        self.first_day, self.last_day = (int(days.min()), int(days.max())) if len(days) else (0, 0)
        self._counts = ItemCounts(items, days, self.n_items)
        self._morning: tuple[int, CountedKinds] | None = None
        self._days_table: tuple[int, Tensor] | None = None
        self._seen = np.sort((items.astype(np.int64) << _BITS) + (days - self.first_day))
        self._pairs = cache(partial(_pairs_of_all, self._counted, self.settings))  # made when they are needed
        self._keep_pairs()
        width, refresh = self.settings.evidence_factors, self.settings.evidence_refresh
        self._factors = LatentFactors(self._fading, self.last_day, self.n_items, width, refresh) if width else None

    def _keep_pairs(self, near: SummedPairs | None = None, together: SummedPairs | None = None) -> None:
        """Have pairs for any day, given their sums where these are known."""
        self.transitions = PairsByDay(self._near_pairs, self.last_day, near)
        self.same_day = PairsByDay(self._pairs_together, self.last_day, together)

    def _near_pairs(self) -> TimedPairs:
        before, after, days, weights = self._pairs()[0]
        both_ways = np.stack([weights, weights * self.fade(days)], 1)
        return TimedPairs(before, after, days, both_ways, self.n_items)

    def _pairs_together(self) -> TimedPairs:
        before, after, days, weights = self._pairs()[1]
        return TimedPairs(before, after, days, weights[:, None], self.n_items)

    def _fading(self) -> Pairs:
        near = self._pairs()[0]
        return near._replace(weights=near.weights * self.fade(near.days))

    def fade(self, days: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return what a pair of some day counts, in units of one of the last day; bounded, as 32 bits want it."""
        fade: npt.NDArray[np.float64] = np.exp2(
            np.clip((days - self.last_day) / self.settings.evidence_half_life, -120, 120)
        )
        return fade

    def shares_of(self, requests: Requests, item: int) -> npt.NDArray[np.float64]:
        """Say which items of a history lead to an item by transitions.

        Parameters
        ----------
        requests : Requests
            One.
        item : int

        Returns
        -------
        float64 array, shape (n,)
            For each of the last items, the very last first, its share in the evidence; all are 0 if there is none.
        """
        assert requests.at is not None
        day, depth, settings = int(days_of(requests.at)[0]), self.settings.memory_depth, self.settings
        items_1R, _, real_1R = _last_of_each(requests, depth)
        pairs = self.transitions.on(day)
        first_R, count_R, total_RV = pairs.until(torch.from_numpy(items_1R[0]), day)
        found = np.zeros(depth)
        for place in np.flatnonzero(real_1R[0]).tolist():
            entries = slice(int(first_R[place]), int(first_R[place] + count_R[place]))
            led = pairs.weights[0, entries][pairs.after[entries] == item].sum()
            share = float(led) / (float(total_RV[place, 0]) + settings.memory_smoothing)
            found[place] = settings.memory_decay**place * share
        return found / found.sum() if found.any() else found

    def ask(self, requests: Requests, size: int | None = None, until: float | None = None) -> Iterator[Asked]:
        """Collect what is known of requests, those of one day together, days in rising order.

        Parameters
        ----------
        requests : Requests
            Histories with their times. One that is empty says nothing of its user.
        size : int, optional
            Requests at a time; by default as many as the cache of a core holds.
        until : float, optional
            Nothing is counted from the day of this time (seconds since 1970) on: evidence that is not kept up to date.

        Yields
        ------
        Asked
        """
        assert requests.at is not None
        day_N = days_of(requests.at)
        size = max(1, min(_MOST_AT_ONCE, _AT_ONCE // (self.n_items + 1))) if size is None else size
        order = np.argsort(day_N, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(day_N[order])) + 1):
            if len(rows):
                day = int(day_N[rows[0]])
                yield from self._of_day(requests, rows, day, counted_day(day, until), size)

    def morning(self, day: int) -> CountedKinds:
        """Return what is known by counting alone on the morning of a day; kept until another day is asked for."""
        if self._morning is None or self._morning[0] != day:
            self._morning = day, self._count_until(day)
        return self._morning[1]

    def _count_until(self, day: int) -> CountedKinds:
        counts, windows, first, last = self._counts.morning(day)
        known = counts > 0
        since_start = np.int32(max(0, day - self.first_day))
        ages = np.stack([np.where(known, day - seen, since_start) for seen in (first, last)])
        share_I = torch.from_numpy(np.maximum(counts, 0.5) / max(1, counts.sum())).float()
        windows_KI, ages_KI = torch.from_numpy(windows).float(), torch.from_numpy(ages).float()
        table_KI = torch.cat([windows_KI.log1p(), share_I.log()[None], ages_KI.log1p() / 2])
        return CountedKinds(table_KI, share_I, torch.from_numpy(known))

    def factors(self, day: int) -> Factors | None:
        """Return the latent factors of a day, if there are to be any."""
        return None if self._factors is None else self._factors.on(day)

    def seen(self, day: int) -> tuple[npt.NDArray[np.int64], Days]:
        """Return where in an array each item begins, shape (I + 1,), and in it the days before one on which it was had.

        Each day of an item stands there once, in rising order.
        """
        key = np.unique(self._seen)
        item, days = key >> _BITS, (key & ((1 << _BITS) - 1)) + self.first_day
        item, days = item[days < day], days[days < day]
        return np.searchsorted(item, np.arange(self.n_items + 2)), days.astype(np.int32)

    def _of_day(
        self, requests: Requests, rows: npt.NDArray[np.int64], day: int, counted: int, size: int
    ) -> Iterator[Asked]:
        """Collect what is known of the requests of a day on the morning of an earlier or the same one."""
        table_FI = self._table(counted)
        for begin in range(0, len(rows), size):
            few = rows[begin : begin + size]
            yield self._asked(few, requests.take(few), day, counted, table_FI)

    def _table(self, day: int) -> Tensor:
        """Return what is the same for all requests of a day; see `Asked`. It is kept until another day is asked for."""
        if self._days_table is None or self._days_table[0] != day:
            factors, counted_KI = self.factors(day), self.morning(day).table_KI
            self._days_table = day, counted_KI if factors is None else torch.cat([counted_KI, factors.outputs.T])
        return self._days_table[1]

    def _asked(
        self, rows: npt.NDArray[np.int64], requests: Requests, day: int, counted: int, table_FI: Tensor
    ) -> Asked:
        settings, lately = self.settings, self.settings.memory_depth
        _, popularity_I, known_I = self.morning(counted)
        items_BR, days_BR, real_BR = _last_of_each(requests, max(lately, settings.evidence_depth))
        item_RB, there_RB, days_RB = (torch.from_numpy(part.T.copy()) for part in (items_BR, real_BR, days_BR))
        pairs = PairsRead(self.transitions.on(counted), item_RB, there_RB, counted)
        near_rB = _shares(settings.memory_decay ** torch.arange(lately)[:, None] * there_RB[:lately])
        smoothing, fade = settings.memory_smoothing, float(self.fade(np.array(counted)))
        lifts = {}
        lifts[NEAR], mass_B = pairs.lift(near_rB, 0, smoothing, popularity_I)
        lifts[FADING], _ = pairs.lift(near_rB, 1, smoothing * fade, popularity_I)
        of_all_rB = _shares(there_RB[: settings.evidence_depth].float())
        lifts["transitions of all"], _ = pairs.lift(of_all_rB, 0, smoothing, popularity_I)
        today_rB = (days_RB[:lately] == day) & there_RB[:lately]
        if today_rB.any():
            pairs = PairsRead(self.same_day.on(counted), item_RB[:lately], today_rB, counted)
            lifts["same day"], _ = pairs.lift(_shares(today_rB.float()), 0, SAME_DAY_SMOOTHING, popularity_I)
        few = slice(None), slice(lately)
        tastes = self._tastes(items_BR[few], np.minimum(days_BR[few], counted), real_BR[few])
        context_BC = _context(requests, days_RB[0], there_RB[0], (mass_B, *tastes), day, counted)
        history, repeated_Kn = _repeats(requests, day)
        asked_BD = self._factors_of(item_RB[:lately], there_RB[:lately], counted)
        return Asked(rows, lifts, asked_BD, table_FI, history, repeated_Kn, context_BC, known_I)

    def _factors_of(self, item_RB: Tensor, there_RB: Tensor, day: int) -> Tensor:
        """Return the latent factors of histories, the mean of those of their last items, shape (B, D)."""
        factors = self.factors(day)
        if factors is None:
            return torch.zeros(item_RB.shape[1], 0)
        share_RB = _shares(FACTOR_DECAY ** torch.arange(len(item_RB))[:, None] * there_RB)
        return (factors.inputs[item_RB] * share_RB[:, :, None]).sum(0)

    def _tastes(
        self, items_BR: npt.NDArray[np.int64], days_BR: Days, real_BR: npt.NDArray[np.bool_]
    ) -> tuple[Tensor, Tensor]:
        """Measure how lately others had had the items of a history when it got them, and how many nobody had had."""
        first_BR = items_BR << _BITS
        day_BR = days_BR - self.first_day
        place_BR = np.searchsorted(self._seen, first_BR + np.maximum(day_BR, 0)) - 1
        former_BR = self._seen[np.maximum(place_BR, 0)] if len(self._seen) else first_BR - 1
        seen_BR = (place_BR >= 0) & (former_BR >= first_BR)
        hot_BR = np.exp(-(day_BR - (former_BR - first_BR)) / HOT_DAYS, where=seen_BR, out=np.zeros(seen_BR.shape))
        n_B = real_BR.sum(1) + 2  # so that short histories tell little
        hot_B, new_B = (hot_BR * real_BR).sum(1) / n_B, (~seen_BR & real_BR).sum(1) / n_B
        return torch.from_numpy(hot_B).float(), torch.from_numpy(new_B).float()


def counted_day(day: int, until: float | None) -> int:
    """Return the day on whose morning requests of a day are answered; see `TimedEvidence.ask`."""
    return day if until is None else min(day, int(days_of(np.array(until))))


def _last_of_each(asked: Requests, depth: int) -> tuple[npt.NDArray[np.int64], Days, npt.NDArray[np.bool_]]:
    """Return the last items of each history, the very last first, their days, and which of them there are."""
    assert asked.times is not None
    place_BR = asked.end[:, None] - 1 - np.arange(depth)
    real_BR = place_BR >= asked.begin[:, None]
    place_BR = np.where(real_BR, place_BR, 0)
    return np.asarray(asked.items[place_BR]).astype(np.int64), days_of(asked.times[place_BR]), real_BR


def _pairs_of_all(counted: Sequence[Counted], settings: EvidenceSettings) -> tuple[Pairs, Pairs]:
    """Pair all interactions with those before; see `pairs_of`."""
    parts = [pairs_of(each.requests(), each.items, settings) for each in counted]
    near, together = (Pairs.none().and_also(*(part[place] for part in parts)) for place in range(2))
    return near, together


def _shares(weight_RB: Tensor) -> Tensor:
    return weight_RB / weight_RB.sum(0).clamp(min=1e-9)


def _context(
    requests: Requests, last_day_B: Tensor, there_B: Tensor, known: tuple[Tensor, ...], day: int, counted: int
) -> Tensor:
    """Return what is known of requests, shape (B, C); see `CONTEXT`."""
    gap_B = (day - last_day_B).where(there_B, 0).float().clamp(min=0)
    length_B = torch.from_numpy(np.maximum(requests.end - requests.begin, 1)).float()
    always_B, stale_B = torch.ones_like(gap_B), torch.full_like(gap_B, np.log1p(day - counted) / 3)
    today_B = ((gap_B == 0) & there_B).float()
    return torch.stack([always_B, gap_B.log1p() / 3, today_B, length_B.log() / 3, *known, stale_B], 1)


def _repeats(asked: Requests, day: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Return row and item of what users had, each once, and the evidence of `REPEATED` kinds."""
    assert asked.times is not None
    row, place = asked.history()
    key = (row << 32) + asked.items[place]
    distinct, last, counts = _last_of(key)
    days = np.maximum(0, day - days_of(asked.times[place[last]])).astype(np.float32)
    ones = torch.ones(len(distinct))
    repeated = torch.stack([ones, torch.from_numpy(counts).float().log(), torch.from_numpy(days).log1p() / 2])
    return (torch.from_numpy(distinct >> 32), torch.from_numpy(distinct & (2**32 - 1))), repeated


def _last_of(
    key: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return distinct keys, the place of the last of each, and how often each stands there."""
    order = np.argsort(key, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(key[order]) > 0, len(key) > 0))
    return key[order[ends]], order[ends], np.diff(ends, prepend=-1)
