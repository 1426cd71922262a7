from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.evaluation import ranking
from recbole_metarec.evaluation.ranking import count_ranks, metric_of_ranks, rank_targets, top_ranks

RANKS = np.array([1, 2, 5, 0, 11])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("recall@10", [1, 1, 1, 0, 0]),
        ("Hit@1", [1, 0, 0, 0, 0]),
        ("mrr@10", [1, 1 / 2, 1 / 5, 0, 0]),
        ("ndcg@10", [1, 1 / np.log2(3), 1 / np.log2(6), 0, 0]),
        ("ndcg@20", [1, 1 / np.log2(3), 1 / np.log2(6), 0, 1 / np.log2(12)]),
    ],
)
def test_metrics_of_ranks_by_hand(name: str, values: list[float]) -> None:
    np.testing.assert_allclose(metric_of_ranks(name, RANKS), values)


def test_a_metric_that_is_no_function_of_one_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="gauc"):
        metric_of_ranks("gauc@10", RANKS)


def rank_by_hand(scores: list[float], target: int) -> int:
    own = scores[target]
    if own == -np.inf:
        return 0
    others = [score for column, score in enumerate(scores) if column != target]
    return 1 + sum(score > own or np.isnan(score) for score in others) + sum(score == own for score in others) // 2


SCORES = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0, np.nan])


@settings(deadline=None)
@given(st.lists(SCORES, min_size=1, max_size=12).flatmap(lambda x: st.tuples(st.just(x), st.integers(0, len(x) - 1))))
def test_ranks_count_what_stands_before_the_target_and_half_of_what_ties(case: tuple[list[float], int]) -> None:
    scores, target = case
    if np.isnan(scores[target]):
        return
    found = count_ranks(torch.tensor([scores]), torch.tensor([target]))
    assert found.tolist() == [rank_by_hand(scores, target)]


def test_a_model_that_diverged_finds_nothing() -> None:
    assert count_ranks(torch.full((2, 30), torch.nan), torch.tensor([3, 7])).tolist() == [30, 30]


@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("block", [1, 100, 10**6])
def test_blocks_rank_as_one_matrix_does(monkeypatch: pytest.MonkeyPatch, block: int, masked: bool, added: bool) -> None:
    monkeypatch.setattr(ranking, "_BLOCK", {True: block, False: block})
    monkeypatch.setattr(ranking, "_FEWEST_ROWS", 1)
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(23, 4, generator=generator)
    items = torch.randn(11, 4, generator=generator)
    items[7] = items[3]
    targets = torch.randint(1, 11, (23,), generator=generator)
    history = (torch.tensor([0, 0, 4, 4, 22]), torch.tensor([int(targets[0]), 2, 5, 5, 1]))
    more = torch.randn(23, 11, generator=generator).round()
    rankings = [states @ items.T + more, states @ items.T] if added else [states @ items.T]
    joined = {"joined": lambda scores, rows: [scores + more[rows], scores]} if added else {}
    every = rank_targets(states, items, targets, history if masked else None, **joined)
    assert len(every) == len(rankings)
    for scores, found in zip((each.tolist() for each in rankings), every, strict=True):
        for row in scores:
            row[0] = -np.inf
        if masked:
            for row, item in zip(*history, strict=True):
                scores[row][item] = -np.inf
        assert found.tolist() == [rank_by_hand(row, int(t)) for row, t in zip(scores, targets, strict=True)]
        assert (found[0] == 0) == masked


@settings(deadline=None)
@given(st.data())
def test_top_ranks_of_several_targets_by_hand(data: st.DataObject) -> None:
    """Each target's place in its row, other targets candidates or, one by one, earlier ones taken out."""
    n_items, k = data.draw(st.integers(2, 9)), data.draw(st.integers(1, 5))
    permutations = data.draw(st.lists(st.permutations(range(n_items)), min_size=1, max_size=4))
    scores = torch.tensor(permutations, dtype=torch.float)
    scores[:, 0] = -torch.inf
    rows, items = [], []
    for row in range(len(scores)):
        found = data.draw(st.lists(st.integers(0, n_items - 1), unique=True, max_size=4))
        rows += [row] * len(found)
        items += found
    if not rows:
        return
    for one_by_one in (False, True):
        found = top_ranks(scores, torch.tensor(rows), torch.tensor(items), min(k, n_items), one_by_one).tolist()
        for number, (row, item) in enumerate(zip(rows, items, strict=True)):
            own = scores[row].tolist()
            if one_by_one:
                for earlier in (i for r, i in zip(rows[:number], items[:number], strict=True) if r == row):
                    own[earlier] = -np.inf
            rank = rank_by_hand(own, item)
            assert found[number] == (rank if rank <= min(k, n_items) else 0)


@pytest.mark.parametrize("block", [1, 100, 10**6])
def test_items_of_later_days_are_no_candidates(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(ranking, "_BLOCK", {True: block, False: block})
    monkeypatch.setattr(ranking, "_FEWEST_ROWS", 1)
    generator = torch.Generator().manual_seed(1)
    states, items = torch.randn(23, 4, generator=generator), torch.randn(11, 4, generator=generator)
    targets, first = torch.randint(1, 11, (23,), generator=generator), torch.randint(9, (11,), generator=generator)
    day = torch.randint(9, (23,), generator=generator)
    (found,) = rank_targets(states, items, targets, days=(first, day))
    scores = (states @ items.T).tolist()
    for row, today, target, rank in zip(scores, day.tolist(), targets.tolist(), found.tolist(), strict=True):
        known = [item and first[item] < today for item in range(11)]
        row = [score if known[item] else -np.inf for item, score in enumerate(row)]
        assert rank == rank_by_hand(row, target)
        assert (rank == 0) == (not known[target])
