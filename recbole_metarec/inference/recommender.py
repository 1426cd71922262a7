"""A trained model, ready to recommend for raw ids."""

# Shapes: B sequences, K items wanted, n pairs.

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from recbole_metarec.domains.clock import days
from recbole_metarec.domains.requests import Requests
from recbole_metarec.errors import UserError
from recbole_metarec.inference import section
from recbole_metarec.inference.descriptions import IMAGES, TITLES, image_address
from recbole_metarec.inference.explanation import Explanation, explain
from recbole_metarec.inference.frames import Rows, columns_of, is_frame, read_rows, written_like
from recbole_metarec.inference.histories import is_list, of_lists, of_rows, to_count
from recbole_metarec.inference.item_encoder import joined
from recbole_metarec.inference.neighbours import nearest_across, neighbours
from recbole_metarec.inference.scorer import Numbers, Pairs, Scorer, Top
from recbole_metarec.inference.section import Section
from recbole_metarec.inference.times import At
from recbole_metarec.inference.vocabulary import Unknown, Vocabulary
from recbole_metarec.training import checkpoint


class Recommendation(NamedTuple):
    """One item among those recommended, or alike.

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
        Of the run that trained it.
    metrics : dict
        What that run found.
    section : Section
    vocabulary : Vocabulary
        Item ids and their numbers: that of ``item_ids[n]`` is ``n + 1``.
    """

    def __init__(
        self,
        kept: Section,
        item_ids: Sequence[str],
        settings: Mapping[str, Any],
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
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

    @cached_property
    def titles(self) -> dict[str, str]:
        """Titles of items that have one, by id."""
        named = zip(self.item_ids, self.section.titles, strict=False)
        return {item: title for item, title in named if title}

    @cached_property
    def images(self) -> dict[str, str]:
        """Addresses of pictures of items that have one, by id."""
        shown = zip(self.item_ids, self.section.images, strict=False)
        return {item: address for item, address in shown if address}

    @property
    def last_day(self) -> date | None:
        """The last day that evidence counts, where it knows the clock."""
        timed = self.scorer.evidence.timed
        return None if timed is None else date(1970, 1, 1) + timedelta(int(timed.last_day))

    @property
    def n_unknown(self) -> int:
        """How many ids of the last call were unknown and skipped."""
        return self.vocabulary.n_unknown

    def recommend(
        self,
        sequences: Any,
        k: int = 10,
        *,
        exclude_seen: bool = True,
        candidates: Iterable[object] | None = None,
        exclude: Sequence[object] | Sequence[Sequence[object]] | None = None,
        at: Any = None,
        unknown: Unknown = "skip",
    ) -> Any:
        """Recommend items that may come next.

        Parameters
        ----------
        sequences : list of list of str, or frame
            Item ids of each user, the oldest first; users need not be known, and a list may be empty. Or a frame of
            pandas or polars with the columns ``user_id``, ``item_id`` and, if it is known, ``timestamp``.
        k : int
            How many items, 1 or more; fewer come back where fewer are left.
        exclude_seen : bool
            Whether the items of a sequence are left out. ``False`` gives the scores of evaluation with
            ``mask_history=False``: what the model has learnt of repeats still counts, and may rule them out.
        candidates : iterable of str, optional
            The only items to choose from.
        exclude : list of str or list of list of str, optional
            Items that are left out, for all sequences or a list for each.
        at : time, list of times, or dict of times by user, optional
            Of the request, or of each: seconds since 1970, a datetime or ISO text; now by default. Evidence that knows
            the clock counts what was until the day before. All in a list counts as had at that time; of a frame, what
            came later is not read.
        unknown : {"skip", "raise"}
            What becomes of ids that are no items; see `n_unknown`.

        Returns
        -------
        list of list of Recommendation, or frame
            The best first; of equal scores the item of the lower number. For a frame another one of its kind, with the
            columns ``user_id``, ``item_id``, ``score`` and ``rank``.

        Raises
        ------
        UserError
            If an argument is wrong, or an id is unknown and ``unknown="raise"``.
        """
        options: dict[str, Any] = {"exclude_seen": exclude_seen, "candidates": candidates, "exclude": exclude}
        options["unknown"] = unknown
        _check(k, unknown)
        self.vocabulary.n_unknown = 0
        if not is_frame(sequences):
            requests = of_lists(self.vocabulary, sequences, at, unknown)
            return self._answers(self._top(requests, k, **options), self.item_ids)
        rows = read_rows(sequences, self.time_unit)
        if is_list(at):
            raise UserError(["at: must be a time, or for a frame a dict from users to times"])
        top = self._top(of_rows(self.vocabulary, rows, at, unknown), k, **options)
        return self._frame(sequences, "user_id", rows.users, top, self.item_ids)

    def recommend_rows(
        self, rows: Rows, k: int, *, at: Sequence[At], unknown: Unknown = "skip", **options: Any
    ) -> list[list[Recommendation]]:
        """Recommend for interactions that are read already, a time for each user; see `recommend`."""
        _check(k, unknown)
        self.vocabulary.n_unknown = 0
        requests = of_rows(self.vocabulary, rows, at, unknown)
        return self._answers(self._top(requests, k, unknown=unknown, **options), self.item_ids)

    def _top(
        self,
        requests: Requests,
        k: int,
        *,
        exclude_seen: bool = True,
        candidates: Iterable[object] | None = None,
        exclude: Any = None,
        unknown: Unknown = "skip",
    ) -> Top:
        chosen, left_out = self._choices(candidates, exclude, requests.size, unknown)
        return self.scorer.top(requests, k, exclude_seen=exclude_seen, candidates=chosen, exclude=left_out)

    def similar(self, items: Any, k: int = 10, across: str | None = None) -> Any:
        """Find items that are alike.

        Parameters
        ----------
        items : list of str, or frame
            Item ids, or a frame with the column ``item_id``.
        k : int
            How many for each, 1 or more.
        across : {None, "source"}
            ``source`` is for items of the source domains, named ``domain/id``, where the model has them in one space:
            MetaRec with sources.

        Returns
        -------
        list of list of Recommendation, or frame
            For each item the most alike first. Scores are cosines of item vectors; for the memory and evidence alone,
            the logarithm of how much likelier than by popularity an item is to follow. For a frame another one of its
            kind, with the columns ``target_item_id``, ``item_id``, ``score`` and ``rank``.

        Raises
        ------
        UserError
            If an argument is wrong or an item unknown.
        """
        _check(k, "raise")
        sources = self.section.sources
        if across not in (None, "source"):
            raise UserError([f"across={across}: must be source, or left out"])
        if across and not sources:
            raise UserError(
                [
                    f"across=source: {self.name} has no items of sources in its space; MetaRec trained with "
                    "source_datasets has. Leave it out"
                ]
            )
        names = columns_of(items, ["item_id"])["item_id"] if is_frame(items) else items
        if not is_list(names):
            raise UserError([f"items={names}: must be a list of item ids"])
        numbers = self.vocabulary.numbers(names, "items", "raise")
        if across:
            ids = [f"{domain}/{item}" for domain, of_domain in sources.items() for item in of_domain.ids]
            top = nearest_across(self._shared(numbers), k)
        else:
            ids, top = self.item_ids, neighbours(self.scorer, numbers, k)
        return self._frame(items, "target_item_id", names, top, ids) if is_frame(items) else self._answers(top, ids)

    def explain(self, sequence: Any, item: Any, at: At = None) -> Any:
        """Say what the score of an item is made of.

        Parameters
        ----------
        sequence : list of str, or frame
            Item ids, the oldest first, or a frame of one user; see `recommend`.
        item : str, or list of str
        at : time, optional
            Of the request; now by default.

        Returns
        -------
        Explanation, or list of Explanation

        Raises
        ------
        UserError
            If an item is unknown; those of the sequence are skipped.
        """
        asked = list(item) if is_list(item) else [item]
        if is_frame(sequence):
            found = self.explain_rows(read_rows(sequence, self.time_unit, "sequence"), asked, at)
        elif is_list(sequence):
            self.vocabulary.n_unknown = 0
            found = self._explained(of_lists(self.vocabulary, [sequence], at, "skip"), asked)
        else:
            raise UserError([f"sequence={sequence}: must be a list of item ids, or a frame of one user"])
        return found if is_list(item) else found[0]

    def explain_rows(self, rows: Rows, items: Sequence[object], at: At = None) -> list[Explanation]:
        """Explain scores for interactions of one user that are read already; see `explain`."""
        if len(rows.users) != 1:
            raise UserError([f"sequence: is of {len(rows.users)} users; explain one at a time"])
        self.vocabulary.n_unknown = 0
        return self._explained(of_rows(self.vocabulary, rows, at, "skip"), items)

    def _explained(self, request: Requests, items: Sequence[object]) -> list[Explanation]:
        numbers = self.vocabulary.numbers(items, "item", "raise").tolist()
        return explain(self.scorer, request, numbers, lambda number: self.item_ids[number - 1], self._said)

    def update(self, frame: Any, histories: Any = None, unknown: Unknown = "skip") -> int:
        """Count new interactions in the evidence; nothing is trained.

        Vectors of items and the weights of evidence stay as they are.

        Parameters
        ----------
        frame : frame
            Columns ``user_id``, ``item_id``, ``timestamp``: interactions that are not counted yet.
        histories : frame, optional
            What the same users had before, which is counted already; without it they begin with the new ones.
        unknown : {"skip", "raise"}
            What becomes of ids that are no items; see `add_items`.

        Returns
        -------
        int
            How many interactions were counted.

        Raises
        ------
        UserError
            If a column is missing or wrong, the model has no evidence, or an id is unknown and ``unknown="raise"``.
        """
        _check(1, unknown)
        for name, each in (("frame", frame), ("histories", histories)):
            if not (is_frame(each) or (each is None and name == "histories")):
                raise UserError([f"{name}: must be a frame with the columns user_id, item_id, timestamp"])
        scorer, settings = self.scorer, self.section.settings
        if scorer.evidence.timed is None and scorer.evidence.memory is None:
            raise UserError([f"{self.name}: has no evidence to count in; train it without --memory_weight=0"])
        self.vocabulary.n_unknown = 0
        rows = read_rows(frame, self.time_unit)
        known = None if histories is None else read_rows(histories, self.time_unit, "histories")
        needs_times = scorer.evidence.timed is not None
        domain, new = to_count(self.vocabulary, rows, known, needs_times, unknown)
        first_days = scorer.first_days
        if first_days is not None and domain.times is not None:
            first_days = first_days.copy()
            np.minimum.at(first_days, domain.items[new], days(domain.times[new]))
        evidence = scorer.evidence.counting_also(domain, new, settings)
        self.section = replace(self.section, scorer=replace(scorer, evidence=evidence, first_days=first_days))
        return int(new.sum())

    def add_items(self, frame: Any) -> int:
        """Add new items by their features; from then on they are recommended, asked about and updated as all others.

        Their vectors are those that items have which nobody had in training.

        Parameters
        ----------
        frame : frame
            ``item_id``, and what the model was trained with: the columns of its texts and of its price, and
            ``text_vector`` or ``image_vector``, a list of numbers each, where it was given ready vectors. A ``title``
            and the address of an ``image`` are taken up, too.

        Returns
        -------
        int
            How many items were added.

        Raises
        ------
        UserError
            If the model knows items by nothing but who had them, an item is known already or has no feature, or one
            is malformed.
        """
        encoders = self.section.item_encoders
        if not encoders:
            raise UserError(
                [
                    f"{self.name}: knows items only by who had them; new ones come with training, or with features: "
                    "train ANT, or MetaRec with item_features=True"
                ]
            )
        if not is_frame(frame):
            raise UserError(
                [f"frame: must be a frame with item_id and some of {', '.join(encoders[0].reader.columns)}"]
            )
        read = [column for each in encoders for column in each.reader.columns]
        wanted = ["item_id", *dict.fromkeys([*read, *TITLES, *IMAGES])]
        columns = columns_of(frame, wanted)
        names = columns["item_id"] = [str(each) for each in columns["item_id"]]
        problems = [f"item {name!r}: is known already; leave it out" for name in names if self.vocabulary.number(name)]
        problems += [f"item {name!r}: stands there twice" for name, n in Counter(names).items() if n > 1]
        if problems:
            raise UserError(problems)
        if not names:
            return 0
        items = joined([encoder.encode(columns) for encoder in encoders])
        titles, images = (
            next((columns[name] for name in known if name in columns), [None] * len(names))
            for known in (TITLES, IMAGES)
        )
        self.section = section.with_items(
            self.section,
            items,
            [each if isinstance(each, str) else "" for each in titles],
            [image_address(each) for each in images],
        )
        self.vocabulary = Vocabulary([*self.item_ids, *names])
        for found in ("titles", "images"):
            vars(self).pop(found, None)  # to be found anew
        return len(names)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model as it is now, to be loaded again with `load`; no training can go on from there.

        Parameters
        ----------
        path : path
            A file of that name is replaced at the end.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        state = {"config": self.settings, "metrics": self.metrics, "item_tokens": self.item_ids}
        checkpoint.save(Path(fspath(path)), {**state, "inference": self.section.state()})

    def scores(self, requests: Requests) -> Tensor:
        """Score all items for sequences of item numbers; see `Scorer.scores`."""
        return self.scorer.scores(requests)

    def top(self, requests: Requests, k: int, **options: Any) -> Top:
        """Find the best items for sequences of item numbers; see `Scorer.top`."""
        return self.scorer.top(requests, k, **options)

    def requests(self, sequences: Any, at: Any = None, unknown: Unknown = "skip") -> Requests:
        """Turn lists of ids into requests of item numbers; see `recommend`."""
        self.vocabulary.n_unknown = 0
        return of_lists(self.vocabulary, sequences, at, unknown)

    @property
    def time_unit(self) -> str:
        """What the run was told of the unit of timestamps."""
        return str(self.settings.get("time_unit") or "auto")

    def _shared(self, numbers: Numbers) -> list[tuple[Tensor, Tensor]]:
        """Return vectors of items, and of the items of each source, in the columns that they have in common."""
        outputs_QD = self.scorer.outputs[torch.from_numpy(numbers)]
        return [
            (outputs_QD[:, each.begin : each.begin + each.vectors.shape[1]], each.vectors[1:])
            for each in self.section.sources.values()
        ]

    def _said(self, number: int) -> str:
        """Return what an item is called in a sentence."""
        titles = self.section.titles
        return (titles[number - 1] if len(titles) >= number else "") or self.item_ids[number - 1]

    def _choices(
        self, candidates: Iterable[object] | None, exclude: Any, size: int, unknown: Unknown
    ) -> tuple[Numbers | None, Pairs | None]:
        """Return candidates and what is left out as item numbers."""
        numbers, chosen = self.vocabulary.numbers, None
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
        if not any(map(is_list, each)):
            item = numbers(each, "exclude", unknown)
            row, item = np.repeat(np.arange(size), len(item)), np.tile(item, size)
        elif len(each) != size or not all(map(is_list, each)):
            raise UserError([f"exclude: must be a list of item ids, or {size} such lists, one for each sequence"])
        else:
            row = np.repeat(np.arange(size), [len(part) for part in each])
            item = numbers([name for part in each for name in part], "exclude", unknown)
        return chosen, (row[item > 0], item[item > 0])

    def _answers(self, top: Top, ids: Sequence[str]) -> list[list[Recommendation]]:
        return [
            [
                Recommendation(ids[item - 1], score, rank)
                for rank, (item, score) in enumerate(zip(items, scores, strict=True), 1)
                if item
            ]
            for items, scores in zip(top.items.tolist(), top.scores.tolist(), strict=True)
        ]

    def _frame(self, native: Any, key: str, keys: Sequence[Any], top: Top, ids: Sequence[str]) -> Any:
        row, place = np.nonzero(top.items)
        items = top.items[row, place]
        columns = {
            key: [keys[number] for number in row.tolist()],
            "item_id": [ids[item - 1] for item in items],
            "score": top.scores[row, place].tolist(),
            "rank": (place + 1).tolist(),
        }
        return written_like(native, columns)


def _check(k: object, unknown: object) -> None:
    problems = []
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        problems.append(f"k={k}: must be a whole number, 1 or more")
    if unknown not in ("skip", "raise"):
        problems.append(f"unknown={unknown}: must be skip or raise")
    if problems:
        raise UserError(problems)


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
