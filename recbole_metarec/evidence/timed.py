"""Evidence that knows the clock: what says, on the day of a request, which item comes next.

All that is counted lies on days (UTC) before that of the request, so that interactions of one day, whose order is often
unknown, never tell of each other. What a request's own history holds of its day is known.
"""

# Shapes: B requests, R positions that are read, I items (row 0 is padding), K kinds of evidence, C kinds of context,
# V ways of weighing pairs.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from typing_extensions import Self

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.counts import WINDOWS, Days, ItemCounts, days_of
from recbole_metarec.evidence.latent import Factors, LatentFactors
from recbole_metarec.evidence.pairs import TimedPairs
from recbole_metarec.evidence.sparse import entries_of
from recbole_metarec.settings.evidence import EvidenceSettings

PAIRED = ("transitions", "transitions that fade", "transitions of all", "same day", "latent factors")
COUNTED = (*(f"last {days} days" for days in WINDOWS), "popularity", "age", "last seen")
REPEATED = ("repeat", "times had", "last had")
KINDS = (*PAIRED, *COUNTED, *REPEATED)
"""Names of what is known of each item.

Pairs: log of how much likelier than by popularity, the last of them as few factors make it of what goes with which.
Counts: log(1 + count), log of the share, half the log(1 + days). Repeats: whether the user had it, log of how often,
half the log(1 + days) since.
"""

CONTEXT = (
    *("always", "gap", "same day", "long history", "well known", "taste for what is hot", "taste for what is new"),
    "out of date",
)
"""Names of what is known of each request.

1, log(1 + days since the last item) / 3, whether that was today, log(length) / 3, share of its items' transitions that
is not popularity, how lately the items had been had by others before, how many by nobody, and log(1 + days since the
last that is counted) / 3.
"""

SAME_DAY_SMOOTHING = 5.0
HOT_DAYS = 7.0
"""Days in which the taste for what is hot falls to a third."""
FACTOR_DECAY = 0.8
"""Weight of an item of the sequence relative to the next, where factors are asked."""
_BITS = 22  # of a day in a number that tells items and days


class Asked(NamedTuple):
    """Requests of one day, and what is known of them.

    Attributes
    ----------
    rows : int64 array, shape (B,)
        Which of the requests.
    lift_VBI : Tensor, shape (5, B, I)
        Evidence of `PAIRED` kinds.
    table_KI : Tensor, shape (8, I)
        Evidence of `COUNTED` kinds, the same for all.
    history : tuple of LongTensor, shape (n,) each
        Row and item of what the users had.
    repeated_Kn : Tensor, shape (3, n)
        Evidence of `REPEATED` kinds for these.
    context_BC : Tensor, shape (B, C)
    known_I : BoolTensor, shape (I,)
        Items that somebody had before.
    """

    rows: npt.NDArray[np.int64]
    lift_VBI: Tensor
    table_KI: Tensor
    history: tuple[Tensor, Tensor]
    repeated_Kn: Tensor
    context_BC: Tensor
    known_I: Tensor

    def features(self) -> Tensor:
        """Return all evidence for all items, shape (B, K, I)."""
        n_requests, n_items = self.lift_VBI.shape[1:]
        features_BKI = self.lift_VBI.new_zeros(n_requests, len(KINDS), n_items)
        features_BKI[:, : len(PAIRED)] = self.lift_VBI.transpose(0, 1)
        features_BKI[:, len(PAIRED) : -len(REPEATED)] = self.table_KI
        row, item = self.history
        features_BKI[row, -len(REPEATED) :, item] = self.repeated_Kn.T
        return features_BKI

    def features_of(self, number: int, items_M: Tensor) -> Tensor:
        """Return all evidence of one request for some items, shape (K, M)."""
        row, item = self.history
        own = row == number
        is_had_nM = (item[own][:, None] == items_M).to(self.table_KI.dtype)
        repeated_KM = self.repeated_Kn[:, own] @ is_had_nM
        return torch.cat([self.lift_VBI[:, number, items_M], self.table_KI[:, items_M], repeated_KM])

    def scores(self, weights_KC: Tensor) -> Tensor:
        """Weigh all evidence by its context, shape (B, I): ``sum_k features_k (weights_k . context)``."""
        trust_BK = self.context_BC @ weights_KC.T
        scores_BI = trust_BK[:, len(PAIRED) : -len(REPEATED)] @ self.table_KI
        for kind, lift_BI in enumerate(self.lift_VBI):
            scores_BI.addcmul_(lift_BI, trust_BK[:, kind, None])
        row, item = self.history
        scores_BI[row, item] += (self.repeated_Kn * trust_BK[row, -len(REPEATED) :].T).sum(0)
        return scores_BI


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

    def __init__(self, n_items: int, settings: EvidenceSettings, counted: Iterable[_Counted] = ()) -> None:
        self.n_items, self.settings = n_items, settings
        self._counted: list[_Counted] = []
        self._events = (np.zeros(0, np.int32), np.zeros(0, np.int32))
        self._near = _Pairs.none()
        self._together = _Pairs.none()
        for each in counted:
            self._count(each)
        self._prepare()

    @classmethod
    def fit(cls, domain: Domain, settings: EvidenceSettings) -> Self:
        """Count a domain that knows the times of its interactions."""
        histories = domain.requests(np.arange(domain.n_interactions))
        return cls(domain.n_items, settings, [_Counted.of(histories, domain.items)])

    def update(self, histories: Requests, items: npt.NDArray[Any]) -> None:
        """Count new interactions, without any training.

        Parameters
        ----------
        histories : Requests
            What the user of each had before, and when it was.
        items : int array, shape (n_new,)
            The item of each.
        """
        self._count(_Counted.of(histories, items))
        self._prepare()

    def state(self) -> dict[str, Any]:
        """Return what was counted as plain values and arrays; see `of_state`."""
        factors = None if self._factors is None else self._factors.latest()._asdict()
        return {
            "n_items": self.n_items,
            "counted": [counted.state() for counted in self._counted],
            "factors": factors,
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any], settings: EvidenceSettings) -> Self:
        """Count what `state` returned, with exactly the same result.

        Raises
        ------
        ValueError
            If the arrays do not fit each other.
        """
        n_items, counted = int(state["n_items"]), [_Counted.of_state(each) for each in state["counted"]]
        for each in counted:
            each.check(n_items)
        evidence = cls(n_items, settings, counted)
        if evidence._factors is not None and state["factors"] is not None:
            evidence._factors.keep_latest(Factors(**state["factors"]))
        return evidence

    def grow(self, n_items: int) -> None:
        """Take up items that nobody has had, behind the others."""
        self.n_items = n_items
        self._prepare()

    def _count(self, counted: _Counted) -> None:
        histories, items = counted.requests(), counted.items
        assert histories.at is not None
        self._counted = [*self._counted, counted]
        days = days_of(histories.at)
        self._events = (
            np.concatenate([self._events[0], items.astype(np.int32)]),
            np.concatenate([self._events[1], days]),
        )
        near, together = _pairs(histories, items, self.settings)
        self._near, self._together = self._near.and_also(near), self._together.and_also(together)

    def _prepare(self) -> None:
        items, days = self._events
        self.first_day, self.last_day = (int(days.min()), int(days.max())) if len(days) else (0, 0)
        self._counts = ItemCounts(items, days, self.n_items)
        self._morning: tuple[int, CountedKinds] | None = None
        self._seen = np.sort((items.astype(np.int64) << _BITS) + (days - self.first_day))
        near, together = self._near, self._together
        fading = near.weights * self.fade(near.days)
        self.transitions = TimedPairs(
            near.before, near.after, near.days, np.stack([near.weights, fading], 1), self.n_items
        )
        self.same_day = TimedPairs(
            together.before, together.after, together.days, together.weights[:, None], self.n_items
        )
        width, refresh = self.settings.evidence_factors, self.settings.evidence_refresh
        self._factors = (
            LatentFactors(near.before, near.after, near.days, fading, self.n_items, width, refresh) if width else None
        )

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
        first_R, count_R, total_RV = self.transitions.until(torch.from_numpy(items_1R[0]), day)
        found = np.zeros(depth)
        for place in np.flatnonzero(real_1R[0]).tolist():
            entries = slice(int(first_R[place]), int(first_R[place] + count_R[place]))
            led = self.transitions.weights[0, entries][self.transitions.after[entries] == item].sum()
            share = float(led) / (float(total_RV[place, 0]) + settings.memory_smoothing)
            found[place] = settings.memory_decay**place * share
        return found / found.sum() if found.any() else found

    def ask(self, requests: Requests, size: int = 64, until: float | None = None) -> Iterator[Asked]:
        """Collect what is known of requests, those of one day together, days in rising order.

        Parameters
        ----------
        requests : Requests
            Histories with their times. One that is empty says nothing of its user.
        size : int
            Requests at a time.
        until : float, optional
            Nothing is counted from the day of this time (seconds since 1970) on: evidence that is not kept up to date.

        Yields
        ------
        Asked
        """
        assert requests.at is not None
        day_N = days_of(requests.at)
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
        table_KI, share_I, known_I = self.morning(counted)
        for begin in range(0, len(rows), size):
            few = rows[begin : begin + size]
            lift_VBI, context_BC = self._lifts(requests.take(few), day, counted, share_I)
            history, repeated_Kn = _repeats(requests.take(few), day)
            yield Asked(few, lift_VBI, table_KI, history, repeated_Kn, context_BC, known_I)

    def _lifts(self, asked: Requests, day: int, counted: int, share_I: Tensor) -> tuple[Tensor, Tensor]:
        settings, lately = self.settings, self.settings.memory_depth
        transitions = self.transitions.on(counted)
        items_BR, days_BR, real_BR = _last_of_each(asked, max(lately, settings.evidence_depth))
        item_BR, there_BR = torch.from_numpy(items_BR), torch.from_numpy(real_BR)
        smoothing_V = settings.memory_smoothing * torch.tensor([1.0, float(self.fade(np.array(counted)))])
        weight_BR = settings.memory_decay ** torch.arange(lately) * there_BR[:, :lately]
        near_VBI, mass_B = _lift(transitions, item_BR[:, :lately], _shares(weight_BR), counted, smoothing_V, share_I)
        near_VBI[1] -= near_VBI[0]
        of_all_BR = _shares(there_BR[:, : settings.evidence_depth].float())
        all_VBI, _ = _lift(
            transitions, item_BR[:, : settings.evidence_depth], of_all_BR, counted, smoothing_V[:1], share_I
        )
        today_BR = torch.from_numpy(days_BR == day) & there_BR
        smoothing_V = torch.tensor([SAME_DAY_SMOOTHING])
        weight_BR = _shares(today_BR[:, :lately].float())
        together_VBI, _ = _lift(
            self.same_day.on(counted), item_BR[:, :lately], weight_BR, counted, smoothing_V, share_I
        )
        gap_B = torch.from_numpy(np.where(real_BR[:, 0], day - days_BR[:, 0], 0)).float().clamp(min=0)
        length_B = torch.from_numpy(np.maximum(asked.end - asked.begin, 1)).float()
        few = slice(None), slice(lately)
        hot_B, new_B = self._tastes(items_BR[few], np.minimum(days_BR[few], counted), real_BR[few])
        always_B, stale_B = torch.ones_like(gap_B), torch.full_like(gap_B, np.log1p(day - counted) / 3)
        today_B = ((gap_B == 0) & there_BR[:, 0]).float()
        context = (always_B, gap_B.log1p() / 3, today_B, length_B.log() / 3, mass_B, hot_B, new_B, stale_B)
        latent_VBI = self._latent(item_BR[:, :lately], there_BR[:, :lately], counted)[None]
        return torch.cat([near_VBI, all_VBI, together_VBI, latent_VBI]), torch.stack(context, 1)

    def _latent(self, item_BR: Tensor, there_BR: Tensor, day: int) -> Tensor:
        """Score all items by the factors of a history's last ones, shape (B, I)."""
        factors = self.factors(day)
        if factors is None:
            return torch.zeros(len(item_BR), self.n_items + 1)
        share_BR = _shares(FACTOR_DECAY ** torch.arange(item_BR.shape[1]) * there_BR)
        return (factors.inputs[item_BR] * share_BR[:, :, None]).sum(1) @ factors.outputs.T

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


class _Counted(NamedTuple):
    """Interactions that were counted together: histories as in `Requests`, days in the place of times."""

    sequences: npt.NDArray[np.int32]
    days: Days
    begin: npt.NDArray[np.int32]
    end: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    at: Days

    @classmethod
    def of(cls, histories: Requests, items: npt.NDArray[Any]) -> _Counted:
        assert histories.times is not None
        assert histories.at is not None
        sequences, begin, end, own = (
            np.asarray(part).astype(np.int32) for part in (histories.items, histories.begin, histories.end, items)
        )
        return cls(sequences, days_of(histories.times), begin, end, own, days_of(histories.at))

    def requests(self) -> Requests:
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
        whole = len(self.end) == len(self.sequences) and bool((self.end == np.arange(len(self.end))).all())
        if whole and (self.items == self.sequences).all() and (self.at == self.days).all():
            return {"sequences": self.sequences, "days": self.days, "begin": self.begin}  # the rest says it again
        return self._asdict()

    @classmethod
    def of_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> _Counted:
        if "end" in state:
            return cls(**state)
        sequences, days, begin = state["sequences"], state["days"], state["begin"]
        return cls(sequences, days, begin, np.arange(len(sequences), dtype=np.int32), sequences, days)


class _Pairs(NamedTuple):
    before: npt.NDArray[np.int32]
    after: npt.NDArray[np.int32]
    days: Days
    weights: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> _Pairs:
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))

    def and_also(self, *others: _Pairs) -> _Pairs:
        return _Pairs(*(np.concatenate(part) for part in zip(self, *others, strict=True)))


def _pairs(histories: Requests, items: npt.NDArray[Any], settings: EvidenceSettings) -> tuple[_Pairs, _Pairs]:
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
        near += [_Pairs(earlier, later, day, weight), _Pairs(later, earlier, day, settings.memory_backward * weight)]
        same = days_of(histories.times[place]) == day
        earlier, later, day, ones = earlier[same], later[same], day[same], np.ones(int(same.sum()))
        together += [_Pairs(earlier, later, day, ones), _Pairs(later, earlier, day, ones)]
    return _Pairs.none().and_also(*near), _Pairs.none().and_also(*together)


def _shares(weight_BR: Tensor) -> Tensor:
    return weight_BR / weight_BR.sum(1, keepdim=True).clamp(min=1e-9)


def _lift(
    pairs: TimedPairs, item_BR: Tensor, weight_BR: Tensor, day: int, smoothing_V: Tensor, share_I: Tensor
) -> tuple[Tensor, Tensor]:
    """Return how much likelier than by popularity items are, by their logarithm, and what of the first is known."""
    n_requests, depth = item_BR.shape
    weight_Q = weight_BR.flatten()
    first_Q, count_Q, total_QV = pairs.until(item_BR.flatten(), day)
    total_QV = total_QV[:, : len(smoothing_V)]
    count_Q = count_Q * (weight_Q > 0)
    factor_QV = weight_Q[:, None] / (total_QV + smoothing_V)
    spread_VB = (factor_QV * smoothing_V).view(n_requests, depth, -1).sum(1).T
    source_E, entry_E = entries_of(first_Q, count_Q)
    row_Q = torch.arange(n_requests).repeat_interleave(depth) * len(share_I)
    place_E = pairs.after.index_select(0, entry_E).add_(row_Q.index_select(0, source_E))
    sums_VBI = torch.zeros(len(smoothing_V), n_requests * len(share_I))
    for sums, weight_P, factor_Q in zip(sums_VBI, pairs.weights, factor_QV.T, strict=False):
        sums.index_add_(0, place_E, weight_P.index_select(0, entry_E).mul_(factor_Q.index_select(0, source_E)))
    known_B = (1 - spread_VB[0]) * (weight_BR.sum(1) > 0)
    spread_VB = spread_VB.where(spread_VB > 0, 1.0)  # of requests that have no item to ask of
    lift_VBI = sums_VBI.view(len(smoothing_V), n_requests, -1).div_(spread_VB[:, :, None]).div_(share_I).log1p_()
    return lift_VBI, known_B


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
