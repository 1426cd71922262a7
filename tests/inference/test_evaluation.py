"""What is recommended for the histories of the test split is what evaluation ranked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from small_models import RUNS

import recbole_metarec as rm
from recbole_metarec.runs.result import RunResult


def answers(rec: rm.Recommender, test: Any, exclude_seen: bool) -> list[list[tuple[str, float]]]:
    """Recommend all there is for the histories of the test split."""
    requests, names, k = test.requests(test.inter_feat), np.array(test.item_tokens()), rec.scorer.n_items
    if requests.times is None:
        places = zip(requests.begin, requests.end, strict=True)
        lists = [[*names[requests.items[begin:end] - 1]] for begin, end in places]
        return [[each[:2] for each in answer] for answer in rec.recommend(lists, k, exclude_seen=exclude_seen)]
    top = rec.top(requests, k, exclude_seen=exclude_seen)  # histories have times of their own, which lists cannot say
    rows = zip(top.items, top.scores, strict=True)
    return [[*zip(names[items[items > 0] - 1], scores[items > 0], strict=True)] for items, scores in rows]


def rank_of(answer: list[tuple[str, float]], target: str) -> int:
    """Rank a target as evaluation does, which lets half of those with its score stand before it."""
    own = dict(answer).get(target)
    if own is None:
        return 0
    rank = 1 + sum(score > own for _, score in answer) + (sum(score == own for _, score in answer) - 1) // 2
    return rank if rank <= 10 else 0


@pytest.mark.parametrize("name", RUNS)
def test_recommendations_rank_as_evaluation_does(trained: Callable[[str], list[RunResult]], name: str) -> None:
    for result in trained(name):
        assert result.checkpoint is not None
        test = rm.load_with_data(result.checkpoint).test_data._dataset
        found = answers(rm.load(result.checkpoint), test, result.mask_history)
        targets = [test.item_tokens()[item - 1] for item in test.inter_feat[test.iid_field]]
        ranks = [rank_of(answer, target) for answer, target in zip(found, targets, strict=True)]
        assert ranks == result.ranks.tolist(), result.label
        gain = np.array([1 / np.log2(1 + rank) if rank else 0.0 for rank in ranks])
        assert gain.mean() == pytest.approx(result.test["ndcg@10"], abs=1e-5)
