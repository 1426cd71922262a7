"""Answers from a neighbour index: what it finds and what follows the sequence's own items, scored exactly.

All of a score that is no sparse sum is an inner product: of vectors of the items (the model's, latent factors, what is
counted on a day) with one of the request. What follows or goes with the items of a sequence is added to some items, and
these are listed anyway. So an answer misses no more than the index does.
"""

# Shapes: I items (row 0 is padding), K columns of vectors, D width of the model, n listed items, C candidates.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.counts import days_of
from recbole_metarec.evidence.kinds import COUNTED, PAIRED, REPEATED
from recbole_metarec.evidence.snapshot import Rows, Snapshot, memory_rows
from recbole_metarec.evidence.timed import FACTOR_DECAY, HOT_DAYS, counted_day
from recbole_metarec.inference.scorer import Scorer

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

_CONNECTIVITY, _ADDED_EFFORT = 32, 128
_LATENT = PAIRED.index("latent factors")


class Question(NamedTuple):
    """A request, taken apart: item ``i`` scores ``vectors[i] @ query`` and what is listed for it.

    Attributes
    ----------
    query : float32 array, shape (K,)
    items : int64 array, shape (n,)
        Listed items, each once.
    scores : float64 array, shape (n,)
        What is added to theirs.
    """

    query: Floats
    items: Numbers
    scores: npt.NDArray[np.float64]


class DaysQuestions:
    """The requests of a day as questions to an index.

    Parameters
    ----------
    scorer : Scorer
    day : int
        Since 1970; on it requests are made, with histories of earlier days or of the same.

    Attributes
    ----------
    vectors : float32 array, shape (I, K)
        The model's outputs, then what is known by counting, then latent factors.
    columns : dict of str to int
        How many of the columns each of these has, in their order.
    """

    def __init__(self, scorer: Scorer, day: int) -> None:
        evidence = scorer.evidence
        self.scorer, self.day, self.weights = scorer, day, evidence.weights
        self.counted_day = counted_day(day, evidence.until)
        self.timed = evidence.timed if self.weights.timed is not None else None
        self.memory = evidence.memory if self.weights.memory_weight not in (0, math.inf) else None
        columns = {"outputs": scorer.outputs.numpy()}
        if self.timed is not None:
            self.snapshot = Snapshot.of(self.timed, self.counted_day)
            columns |= {"counted": self.snapshot.counted.T, "latent": self.snapshot.latent}
        elif self.memory is not None:
            self.rows, share = memory_rows(self.memory), self.memory.popularity.numpy()
            self.share = np.where(share > 0, share, 1)
            columns["log share"] = np.log(self.share)[:, None]
        self.columns = {name: part.shape[1] for name, part in columns.items()}
        self.vectors = np.concatenate([*columns.values()], 1, dtype=np.float32)

    def ask(self, requests: Requests) -> list[Question]:
        """Take requests apart."""
        states = self.scorer.states(requests).numpy()
        times = np.full(len(requests.items), float(self.day * DAY)) if requests.times is None else requests.times
        found = []
        for state_D, begin, end in zip(states, requests.begin, requests.end, strict=True):
            items, days = requests.items[begin:end][::-1], days_of(times[begin:end][::-1]).astype(np.int64)
            window = np.unique(items[: self.scorer.encoder.max_length])
            query, listed = self._of_kind(state_D, items, days)
            listed.append((window, np.full(len(window), -self.weights.repeat_penalty)))
            found.append(Question(query.astype(np.float32), *_sums(listed)))
        return found

    def _of_kind(self, state_D: Floats, items: Numbers, days: Numbers) -> tuple[Any, list[tuple[Any, Any]]]:
        """Return the vector of a request, and listed items with scores, items newest first."""
        if self.timed is not None:
            return self._on_the_day(state_D, items, days)
        if self.memory is None:
            return state_D, []
        weight, read = self.weights.memory_weight, items[: self.memory.depth]
        shares = _shares(self.memory.decay ** np.arange(len(read)))
        listed, lifts, _ = _lift(self.rows, self.share, read, shares)
        return np.append(state_D, weight), [(listed, weight * lifts)]

    def _on_the_day(self, state_D: Floats, items: Numbers, days: Numbers) -> tuple[Any, list[tuple[Any, Any]]]:
        assert self.timed is not None
        assert self.weights.timed is not None
        settings, kept = self.timed.settings, self.snapshot
        few, n_few = slice(settings.memory_depth), min(settings.memory_depth, len(items))
        decayed, all_items = _shares(settings.memory_decay ** np.arange(n_few)), items[: settings.evidence_depth]
        near, near_lifts, unknown = _lift(kept.transitions, kept.share, items[few], decayed)
        fading, fading_lifts, _ = _lift(kept.fading, kept.share, items[few], decayed)
        of_all = _lift(kept.transitions, kept.share, all_items, _shares(np.ones(len(all_items))))
        together = _lift(kept.same_day, kept.share, items[few], _shares((days[few] == self.day).astype(float)))
        trust = self.weights.timed.weights.numpy() @ self._context(items, days, unknown)
        listed = [(near, (trust[0] - trust[1]) * near_lifts), (fading, trust[1] * fading_lifts)]
        listed += [(part[0], trust[place] * part[1]) for place, part in ((2, of_all), (3, together))]
        first = len(PAIRED) + len(COUNTED)
        for item in np.unique(items):
            had = days[items == item]
            known = [1, np.log(len(had)), np.log1p(max(0, self.day - int(had[0]))) / 2]
            listed.append((np.array([item]), np.array([trust[first : first + len(REPEATED)] @ known])))
        mixed = _shares(FACTOR_DECAY ** np.arange(n_few)) @ kept.asked[items[few]]
        own = trust[-1] if len(trust) > first + len(REPEATED) else 0.0
        return np.concatenate([own * state_D, trust[len(PAIRED) : first], trust[_LATENT] * mixed]), listed

    def _context(self, items: Numbers, days: Numbers, unknown: float) -> npt.NDArray[np.float64]:
        """Return what is known of a request; see `recbole_metarec.evidence.timed.CONTEXT`."""
        assert self.timed is not None
        lately = list(zip(items, days, strict=True))[: self.timed.settings.memory_depth]
        ago = np.array([self._ago(int(item), min(int(day), self.counted_day)) for item, day in lately])
        gap = max(0, self.day - int(days[0])) if len(days) else 0
        tastes = np.array([np.exp(-ago / HOT_DAYS).sum(), np.isinf(ago).sum()]) / (len(ago) + 2)
        late = math.log1p(self.day - self.counted_day) / 3
        length = math.log(max(1, len(items))) / 3
        return np.array([1, math.log1p(gap) / 3, len(days) > 0 and gap == 0, length, 1 - unknown, *tastes, late])

    def _ago(self, item: int, day: int) -> float:
        """Return how many days before a day somebody had had an item last, infinity if nobody had."""
        indptr, days = self.snapshot.seen
        before = days[indptr[item] : indptr[item + 1]]
        place = np.searchsorted(before, day)
        return float(day - before[place - 1]) if place else math.inf


class NeighbourIndex:
    """A usearch index of vectors whose inner products with a query are wanted to be large.

    Vectors are moved by their mean and get one more column that makes them all as long, so that the nearest are those
    of the largest product (Bachrach et al., RecSys 2014); a query has 0 there.

    Parameters
    ----------
    vectors : float32 array, shape (I, K)
        Row 0 is padding, which is left out; keys are row numbers.
    """

    def __init__(self, vectors: Floats) -> None:
        from usearch.index import Index

        moved = vectors[1:] - vectors[1:].mean(0)
        squares = (moved**2).sum(1)
        last = np.sqrt(np.maximum(squares.max() - squares, 0))
        self.index = Index(
            ndim=vectors.shape[1] + 1,
            metric="ip",
            dtype="f32",
            connectivity=_CONNECTIVITY,
            expansion_add=_ADDED_EFFORT,
        )
        self.index.add(np.arange(1, len(vectors)), np.concatenate([moved, last[:, None]], 1, dtype=np.float32))

    def search(self, query: Floats, n: int) -> Numbers:
        """Find about the ``n`` items of the largest products."""
        self.index.expansion_search = max(n, 64)  # type: ignore[misc]  # its setter is not known to mypy
        return np.asarray(self.index.search(np.append(query, np.float32(0)), n).keys).astype(np.int64)

    def save(self) -> bytes:
        """Return the file's content, as ``usearch`` reads it."""
        content = self.index.save()
        assert content is not None
        return bytes(content)


def answer(index: NeighbourIndex, vectors: Floats, asked: Question, k: int, n: int, closed: Sequence[int]) -> Numbers:
    """Return the best items of a question, the best first: of ``n`` neighbours and of all that is listed.

    ``closed`` are never among them.
    """
    items = np.union1d(index.search(asked.query, n), asked.items)
    scores = (vectors[items] @ asked.query).astype(np.float64)
    scores[np.searchsorted(items, asked.items)] += asked.scores
    scores[np.isin(items, closed)] = -np.inf
    best = np.argsort(-scores, kind="stable")[:k]
    return items[best[scores[best] > -np.inf]]


def sample(scorer: Scorer, day: int, size: int, longest: int = 10) -> Requests:
    """Draw sequences for a day as evidence has them: an item by popularity, then what follows the one before."""
    rng, n_items = np.random.default_rng(0), scorer.n_items
    share, rows = np.append(0, np.full(n_items, 1 / n_items)), None
    if scorer.evidence.timed is not None:
        kept = Snapshot.of(scorer.evidence.timed, day)
        share, rows = kept.share, kept.transitions
    elif scorer.evidence.memory is not None:
        share, rows = scorer.evidence.memory.popularity.numpy(), memory_rows(scorer.evidence.memory)
    share = np.append(0, share[1:] / share[1:].sum(dtype=np.float64))
    lengths = rng.integers(1, longest + 1, size)
    items = rng.choice(n_items + 1, int(lengths.sum()), p=share)
    begin = np.cumsum(lengths) - lengths
    for place in np.setdiff1d(np.arange(len(items)), begin) if rows is not None else ():
        assert rows is not None
        row = slice(*rows.indptr[items[place - 1] : items[place - 1] + 2])
        if rng.random() > rows.background[items[place - 1]]:
            probability = rows.values[row].astype(np.float64)
            items[place] = rng.choice(rows.items[row], p=probability / probability.sum())
    times = np.full(len(items), float(day * DAY))
    return Requests(items, times, begin, begin + lengths, np.full(size, float(day * DAY)))


def recall(questions: DaysQuestions, index: NeighbourIndex, requests: Requests, k: int = 10, n: int = 200) -> float:
    """Return the share of the exactly best items of requests that answers from an index hold."""
    scorer = questions.scorer
    exact = scorer.top(requests, k).items
    closed = np.zeros(0, np.int64) if scorer.first_days is None else np.flatnonzero(scorer.first_days >= questions.day)
    found = 0
    for row, asked in enumerate(questions.ask(requests)):
        seen = requests.items[requests.begin[row] : requests.end[row]]
        left_out = np.union1d(closed, seen).tolist()
        found += len(np.intersect1d(answer(index, questions.vectors, asked, k, n, left_out), exact[row]))
    return found / max(1, int((exact > 0).sum()))


def _lift(rows: Rows, share: Floats, read: Numbers, shares: npt.NDArray[Any]) -> tuple[Any, Any, float]:
    """Return items that follow some, how much likelier than by popularity they are, and what is not known of it."""
    places = [
        np.arange(rows.indptr[item], rows.indptr[item + 1]) for item, part in zip(read, shares, strict=True) if part
    ]
    unknown = float(shares @ rows.background[read]) if shares.any() else 1.0
    if not places:
        return np.zeros(0, np.int64), np.zeros(0), unknown
    place = np.concatenate(places)
    weights = np.repeat(shares[shares > 0], [len(each) for each in places])
    items, sums = _sums([(rows.items[place], rows.values[place] * weights)])
    return items, np.log1p(sums / unknown / share[items]), unknown


def _sums(parts: Sequence[tuple[Any, Any]]) -> tuple[Numbers, npt.NDArray[np.float64]]:
    """Add up the scores of items that are listed several times."""
    items, scores = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    distinct, which = np.unique(items, return_inverse=True)
    sums = np.zeros(len(distinct))
    np.add.at(sums, which, scores)
    return distinct.astype(np.int64), sums


def _shares(weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = weights / max(float(weights.sum()), 1e-9)
    return shares
