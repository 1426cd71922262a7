"""A model that is served: its questions in batches, on a thread of their own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Executor
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from recbole_metarec.errors import UserError
from recbole_metarec.inference.history import History, history_of, in_seconds, rows_of
from recbole_metarec.serving.batching import Batcher
from recbole_metarec.serving.messages import (
    ExplainRequest,
    Explanation,
    Explanations,
    Item,
    ModelCard,
    Recommendations,
    RecommendRequest,
    ScoredItem,
    SimilarItems,
    SimilarRequest,
)
from recbole_metarec.serving.search import ItemSearch

if TYPE_CHECKING:
    from recbole_metarec.inference.frames import Rows
    from recbole_metarec.inference.recommender import Recommendation, Recommender

Result = TypeVar("Result")


class ServedModel:
    """A recommender that many ask at once.

    Parameters
    ----------
    name : str
    recommender : Recommender
    executor : Executor
        With a single thread, which all models share: torch uses the cores by itself.
    images : bool
        Whether to name addresses of pictures.
    """

    def __init__(self, name: str, recommender: Recommender, executor: Executor, images: bool = True) -> None:
        self.name, self._recommender, self._executor = name, recommender, executor
        self._titles, self._images = recommender.titles, recommender.images if images else {}
        self._batcher = Batcher[RecommendRequest, Recommendations](self._recommended, executor)

    @cached_property
    def _search(self) -> ItemSearch:
        return ItemSearch(self._recommender.item_ids, self._titles)

    def card(self) -> ModelCard:
        """Tell what model it is."""
        settings, timed = self._recommender.settings, self._recommender.scorer.evidence.timed
        return ModelCard(
            name=self.name,
            model=settings.get("model", ""),
            dataset=settings.get("dataset", ""),
            n_items=len(self._recommender.item_ids),
            has_titles=bool(self._titles),
            has_images=bool(self._images),
            sources=[*self._recommender.section.sources],
            knows_clock=timed is not None,
            last_day=None if timed is None else date(1970, 1, 1) + timedelta(int(timed.last_day)),
        )

    async def recommend(self, request: RecommendRequest) -> Recommendations:
        """Recommend what comes next."""
        return await self._batcher.ask(request)

    async def similar(self, request: SimilarRequest) -> SimilarItems:
        """Find what is like items."""
        return await self._run(lambda: self._similar(request))

    async def explain(self, request: ExplainRequest) -> Explanations:
        """Say what scores are made of."""
        return await self._run(lambda: self._explained(request))

    async def find(self, query: str, limit: int) -> list[Item]:
        """Find items by their titles and ids."""
        places = await self._run(lambda: self._search.find(query, limit))
        return [self._item(self._recommender.item_ids[place]) for place in places]

    def named(self, item_ids: Iterable[str]) -> list[Item]:
        """Return those of the items that the model knows."""
        return [self._item(item) for item in item_ids if self._knows(item)]

    async def _run(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def _recommended(self, requests: Sequence[RecommendRequest]) -> list[Recommendations]:
        """Answer requests, those together whose options are the same for all of their sequences."""
        alike: defaultdict[Hashable, list[int]] = defaultdict(list)
        for place, request in enumerate(requests):
            candidates = None if request.candidates is None else tuple(request.candidates)
            alike[request.exclude_seen, candidates].append(place)
        answers: dict[int, Recommendations] = {}
        for places in alike.values():
            some = [requests[place] for place in places]
            answers |= zip(places, self._recommended_alike(some), strict=True)
        return [answers[place] for place in range(len(requests))]

    def _recommended_alike(self, requests: Sequence[RecommendRequest]) -> list[Recommendations]:
        first, asked = requests[0], [request for request in requests for _ in request.sequences]
        unknown = [self._unknown(request) for request in requests]
        lists = iter(
            self._recommender.recommend_rows(
                _rows([each for request in requests for each in self._histories(request.sequences, request.times)]),
                max(request.k for request in requests),
                exclude_seen=first.exclude_seen,
                candidates=None if first.candidates is None else self._known(first.candidates),
                exclude=[self._known(request.exclude or []) for request in asked],
                at=[request.at for request in asked],
            )
        )
        return [
            Recommendations(
                model=self.name,
                recommendations=[self._scored(next(lists)[: request.k]) for _ in request.sequences],
                unknown_items=names,
            )
            for request, names in zip(requests, unknown, strict=True)
        ]

    def _similar(self, request: SimilarRequest) -> SimilarItems:
        self._refuse_unknown(request.items)
        found = self._recommender.similar(request.items, request.k, request.across)
        return SimilarItems(model=self.name, similar=[self._scored(items) for items in found])

    def _explained(self, request: ExplainRequest) -> Explanations:
        self._refuse_unknown(request.items)
        told = self._histories([request.sequence], None if request.times is None else [request.times])
        found = self._recommender.explain_rows(_rows(told), request.items, request.at)
        explanations = [Explanation(**{**self._item(each.item_id).model_dump(), **each.plain()}) for each in found]
        return Explanations(model=self.name, explanations=explanations)

    def _histories(self, sequences: Sequence[list[str]], times: Sequence[list[Any] | None] | None) -> list[History]:
        """Read sequences, as they were in time; unknown items are left out.

        Raises
        ------
        UserError
            If times are wrong.
        """
        if times is None:
            return [History(number, self._known(sequence), None) for number, sequence in enumerate(sequences)]
        if len(times) != len(sequences):
            raise UserError(
                [f"times: there are {len(times)} lists for {len(sequences)} sequences; write one, or null, for each"]
            )
        pairs = enumerate(zip(sequences, times, strict=True), 1)
        told = [history_of(number, items, own, None, f"sequence {number}") for number, (items, own) in pairs]
        return [self._of_known(each) for each in in_seconds(told, self._recommender.time_unit, "times")]

    def _of_known(self, history: History) -> History:
        if history.stamps is None:
            return history._replace(items=self._known(history.items))
        pairs = [pair for pair in zip(history.items, history.stamps, strict=True) if self._knows(pair[0])]
        return history._replace(items=[item for item, _ in pairs], stamps=[stamp for _, stamp in pairs])

    def _unknown(self, request: RecommendRequest) -> list[str]:
        """Return the unknown ids of a request, each once.

        Raises
        ------
        UserError
            If it is to be refused for them.
        """
        lists = [*request.sequences, request.candidates or [], request.exclude or []]
        unknown = [*dict.fromkeys(item for items in lists for item in items if not self._knows(item))]
        if request.unknown == "raise" and unknown:
            self._refuse_unknown(unknown)
        return unknown

    def _refuse_unknown(self, item_ids: Iterable[str]) -> None:
        unknown = [item for item in item_ids if not self._knows(item)]
        if unknown:
            raise UserError([f"{item!r}: this model knows no such item; look ids up with /items" for item in unknown])

    def _knows(self, item_id: str) -> bool:
        return self._recommender.vocabulary.number(item_id) > 0

    def _known(self, item_ids: Iterable[str]) -> list[str]:
        return [item for item in item_ids if self._knows(item)]

    def _item(self, item_id: str) -> Item:
        return Item(item_id=item_id, title=self._titles.get(item_id), image=self._images.get(item_id))

    def _scored(self, items: Iterable[Recommendation]) -> list[ScoredItem]:
        titles, images = self._titles, self._images
        return [
            ScoredItem(item_id=item, title=titles.get(item), image=images.get(item), score=score, rank=rank)
            for item, score, rank in items
        ]


def _rows(histories: Sequence[History]) -> Rows:
    return rows_of(histories, "s" if any(each.stamps for each in histories) else None)
