"""A trained model, ready to recommend for raw ids."""

# Shapes: B sequences, K items wanted, n pairs.

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from recbole_metarec.domains.requests import Requests
from recbole_metarec.errors import UserError
from recbole_metarec.inference import section
from recbole_metarec.inference.scorer import Numbers, Pairs, Scorer, Top
from recbole_metarec.inference.section import Section
from recbole_metarec.inference.times import At, seconds_of
from recbole_metarec.inference.vocabulary import Unknown, Vocabulary


class Recommendation(NamedTuple):
    """One recommended item.

    Attributes
    ----------
    item_id : str
    score : float
        Comparable within one answer alone.
    rank : int
        From 1.
    """

    item_id: str
    score: float
    rank: int


class Recommender:
    """A trained model, ready to recommend for raw ids.

    Parameters
    ----------
    kept : Section
    item_ids : sequence of str
    settings : mapping
        Of the run that trained it.
    metrics : mapping, optional
        What that run found.

    Attributes
    ----------
    name : str
        Of the model and its dataset.
    settings : dict
    metrics : dict
    scorer : Scorer
        What scores item numbers; the number of item ``item_ids[n]`` is ``n + 1``.
    """

    def __init__(self, kept: Section, item_ids: Sequence[str], settings: Any, metrics: Any = None) -> None:
        self.section, self.vocabulary = kept, Vocabulary(item_ids)
        self.settings, self.metrics = dict(settings), dict(metrics or {})
        self.name = f"{self.settings.get('model', 'model')} on {self.settings.get('dataset', 'data')}"

    @property
    def scorer(self) -> Scorer:
        """What scores item numbers."""
        return self.section.scorer

    @property
    def item_ids(self) -> list[str]:
        """Ids of all items."""
        return self.vocabulary.ids

    @property
    def titles(self) -> dict[str, str]:
        """Titles of items that have one, by id."""
        named = zip(self.item_ids, self.section.titles, strict=False)
        return {item: title for item, title in named if title}

    @property
    def n_unknown(self) -> int:
        """Ids of the last call that were unknown and skipped."""
        return self.vocabulary.n_unknown

    def recommend(
        self,
        sequences: Sequence[Sequence[object]],
        k: int = 10,
        *,
        exclude_seen: bool = True,
        candidates: Iterable[object] | None = None,
        exclude: Sequence[object] | Sequence[Sequence[object]] | None = None,
        at: At | Sequence[At] = None,
        unknown: Unknown = "skip",
    ) -> list[list[Recommendation]]:
        """Recommend items that may come next.

        Parameters
        ----------
        sequences : list of list of str
            Item ids of each user, the oldest first; users need not be known, and a list may be empty.
        k : int
            How many items, 1 or more; fewer come back where fewer are left.
        exclude_seen : bool
            Whether the items of a sequence are left out. ``False`` gives the scores of evaluation with
            ``mask_history=False``: what the model has learnt of repeats still counts, which may rule them out.
        candidates : iterable of str, optional
            The only items to choose from.
        exclude : list of str or list of list of str, optional
            Items that are left out, for all sequences or a list for each.
        at : time or list of times, optional
            Of the request, or of each: seconds since 1970, a datetime or ISO text; now by default. Evidence that knows
            the clock counts what was until the day before it, and takes the items of a list for had on that day.
        unknown : {"skip", "raise"}
            What becomes of ids that are no items; see `n_unknown`.

        Returns
        -------
        list of list of Recommendation
            The best first; of equal scores the item of the lower number.

        Raises
        ------
        UserError
            If an argument is wrong, or an id unknown and ``unknown="raise"``.
        """
        self._check(k, unknown)
        requests = self.requests(sequences, at, unknown)
        chosen, left_out = self._choices(candidates, exclude, requests.size, unknown)
        top = self.scorer.top(requests, k, exclude_seen=exclude_seen, candidates=chosen, exclude=left_out)
        return [self._named(items_K, scores_K) for items_K, scores_K in zip(*top, strict=True)]

    def scores(self, requests: Requests) -> Tensor:
        """Score all items for sequences of item numbers; see `Scorer.scores`."""
        return self.scorer.scores(requests)

    def top(self, requests: Requests, k: int, **options: Any) -> Top:
        """Find the best items for sequences of item numbers; see `Scorer.top`."""
        return self.scorer.top(requests, k, **options)

    def requests(
        self, sequences: Sequence[Sequence[object]], at: At | Sequence[At] = None, unknown: Unknown = "skip"
    ) -> Requests:
        """Turn lists of ids into requests of item numbers; see `recommend`."""
        self.vocabulary.n_unknown = 0
        if isinstance(sequences, str) or not isinstance(sequences, Sequence):
            raise UserError(["sequences: must be a list of lists of item ids, as in [['A', 'B'], ['C']]"])
        wrong = [number for number, each in enumerate(sequences) if isinstance(each, str) or not _is_list(each)]
        if wrong:
            raise UserError(
                [f"sequences: number {wrong[0] + 1} is no list; for a single one write [['A', 'B']], two brackets"]
            )
        if isinstance(at, (Sequence, np.ndarray)) and not isinstance(at, str):
            times = np.array([seconds_of(each) for each in at], np.float64)
            if len(times) != len(sequences):
                raise UserError([f"at: has {len(times)} times for {len(sequences)} sequences; write one for each"])
        else:
            times = np.full(len(sequences), seconds_of(at))
        flat = self.vocabulary.numbers([item for each in sequences for item in each], "sequences", unknown)
        row = np.repeat(np.arange(len(sequences)), [len(each) for each in sequences])
        row, items = row[flat > 0], flat[flat > 0]
        offsets = np.searchsorted(row, np.arange(len(sequences) + 1))
        padded = np.append(items, 0)  # so that there is a place for sequences without any
        return Requests(padded, np.append(times[row], 0.0), offsets[:-1], offsets[1:], times)

    def _check(self, k: object, unknown: object) -> None:
        problems = []
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            problems.append(f"k={k}: must be a whole number, 1 or more")
        if unknown not in ("skip", "raise"):
            problems.append(f"unknown={unknown}: must be skip or raise")
        if problems:
            raise UserError(problems)

    def _choices(
        self, candidates: Iterable[object] | None, exclude: Any, size: int, unknown: Unknown
    ) -> tuple[Numbers | None, Pairs | None]:
        """Return candidates and what is left out as item numbers."""
        numbers = self.vocabulary.numbers
        chosen = None
        if candidates is not None:
            if isinstance(candidates, str):
                raise UserError([f"candidates={candidates}: must be a list of item ids"])
            chosen = np.unique(numbers(candidates, "candidates", unknown))
            chosen = chosen[chosen > 0]
        if exclude is None:
            return chosen, None
        if isinstance(exclude, str):
            raise UserError([f"exclude={exclude}: must be a list of item ids, or a list of those for each sequence"])
        each = list(exclude)
        if not any(_is_list(part) and not isinstance(part, str) for part in each):
            item = numbers(each, "exclude", unknown)
            row, item = np.repeat(np.arange(size), len(item)), np.tile(item, size)
        elif len(each) != size:
            raise UserError([f"exclude: has {len(each)} lists for {size} sequences; write one for each"])
        else:
            row = np.repeat(np.arange(size), [len(part) for part in each])
            item = numbers([name for part in each for name in part], "exclude", unknown)
        return chosen, (row[item > 0], item[item > 0])

    def _named(self, items_K: Numbers, scores_K: Any) -> list[Recommendation]:
        found = [(int(item), float(score)) for item, score in zip(items_K, scores_K, strict=True) if item]
        return [Recommendation(self.item_ids[item - 1], score, rank) for rank, (item, score) in enumerate(found, 1)]


def _is_list(value: object) -> bool:
    return isinstance(value, (Sequence, np.ndarray))


def load(path: str | PathLike[str]) -> Recommender:
    """Load a trained model to use it; its data are not needed.

    Parameters
    ----------
    path : path
        A checkpoint of MetaRec, ANT, Evidence, Memory or an ensemble.

    Returns
    -------
    Recommender

    Raises
    ------
    UserError
        If the file is missing or damaged, or of another model or an older version; see `load_with_data` for those.
    """
    state, kept = section.read(Path(fspath(path)))
    return Recommender(kept, state["item_tokens"], state.get("config", {}), state.get("metrics"))
