"""What every model keeps when it is used from its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import made
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from small_models import RUNS

import recbole_metarec as rm
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.kinds import PAIRED
from recbole_metarec.inference.recommender import Recommender
from recbole_metarec.inference.section import SourceItems
from recbole_metarec.runs.result import RunResult
from recbole_metarec.training import checkpoint

AT = "2011-04-20"  # in the second half of the domain whose days are known
Load = Callable[[str], Recommender]


@pytest.fixture(params=RUNS)
def rec(recommender: Load, request: pytest.FixtureRequest) -> Recommender:
    return recommender(request.param)


def lists(rec: Recommender, n: int = 40, longest: int = 12, seed: int = 0) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[*rng.choice(rec.item_ids, rng.integers(0, longest))] for _ in range(n)]


def test_the_best_are_those_of_the_scores_in_order(rec: Recommender) -> None:
    sequences = lists(rec)
    scores = rec.scores(rec.requests(sequences, AT)).numpy()
    for row, (sequence, answer) in enumerate(zip(sequences, rec.recommend(sequences, 7, at=AT), strict=True)):
        left = [n for n, item in enumerate(rec.item_ids, 1) if item not in sequence and scores[row, n] > -np.inf]
        best = sorted(left, key=lambda number: (-scores[row, number], number))[:7]
        assert [each.item_id for each in answer] == [rec.item_ids[number - 1] for number in best]
        assert [each.rank for each in answer] == [*range(1, len(best) + 1)]
        assert [each.score for each in answer] == pytest.approx([float(scores[row, n]) for n in best], abs=1e-5)


def test_answers_depend_neither_on_the_order_nor_on_the_number_of_requests(rec: Recommender) -> None:
    sequences = lists(rec, 300)
    together = rec.recommend(sequences, 5, at=AT)
    order = np.random.default_rng(1).permutation(len(sequences))
    shuffled = rec.recommend([sequences[place] for place in order], 5, at=AT)
    alone = {place: rec.recommend([sequences[place]], 5, at=AT)[0] for place in range(0, 300, 15)}
    for place, again in [*zip(order, shuffled, strict=True), *alone.items()]:
        first = together[place]
        np.testing.assert_allclose([each.score for each in again], [each.score for each in first], atol=2e-5)
        for mine, other in zip(again, first, strict=True):
            assert mine.item_id == other.item_id or abs(mine.score - other.score) < 2e-5


def test_only_candidates_that_are_not_left_out_come_back(rec: Recommender) -> None:
    first, second, third, fourth = rec.item_ids[:4]
    two = rec.recommend([[fourth], []], candidates=[first, second, third], exclude=[[first], [second]], at=AT)
    assert {each.item_id for each in two[0]} <= {second, third}
    assert {each.item_id for each in two[1]} <= {first, third}
    assert rec.recommend([[fourth]], candidates=[first], exclude=[first], at=AT) == [[]]
    assert rec.recommend([[fourth]], candidates=[], at=AT) == [[]]
    assert rec.recommend([], at=AT) == []


def test_all_of_the_catalogue_is_the_most_that_comes_back(rec: Recommender) -> None:
    (answer,) = rec.recommend([[]], k=10**6, at="2030-01-01")
    assert len({each.item_id for each in answer}) == len(answer) <= len(rec.item_ids)
    assert rec.scorer.first_days is not None or len(answer) == len(rec.item_ids)


def test_long_and_empty_sequences_are_answered(rec: Recommender) -> None:
    long, last = [*np.resize(rec.item_ids, 10_000)], rec.item_ids[0]
    answers = rec.recommend([[*long, last], []], exclude_seen=False, at=AT)
    assert all(math.isfinite(each.score) for answer in answers for each in answer)
    assert answers[1]


def test_unknown_items_are_skipped_and_counted_or_refused(rec: Recommender) -> None:
    known = rec.item_ids[2]
    with pytest.warns(UserWarning, match="2 items are unknown and skipped, the first is 'no such'"):
        found = rec.recommend([["no such", known, "nor this"]], at=AT)
    assert rec.n_unknown == 2
    assert found == rec.recommend([[known]], at=AT)
    assert rec.n_unknown == 0
    with pytest.raises(rm.UserError, match="1 item is unknown, the first is 'no such'"):
        rec.recommend([[known, "no such"]], at=AT, unknown="raise")


def test_parts_sum_to_the_score(rec: Recommender) -> None:
    for sequence in [*lists(rec, 5, seed=3), []]:
        scores = rec.scores(rec.requests([sequence], AT))[0, 1:].tolist()
        for score, found in zip(scores, rec.explain(sequence, rec.item_ids, AT), strict=True):
            assert found.score == pytest.approx(score, abs=1e-4)
            assert sum(part.value for part in found.parts) == pytest.approx(score, abs=1e-4)
            assert found.transitions.keys() <= {*sequence}
            assert not found.transitions or sum(found.transitions.values()) == pytest.approx(1)
            assert found.sentence.startswith(rec.titles.get(found.item_id, found.item_id))


def test_alike_are_others_in_falling_order(rec: Recommender) -> None:
    asked = rec.item_ids[:5]
    for item, answer in zip(asked, rec.similar(asked, k=4), strict=True):
        scores = [each.score for each in answer]
        assert item not in {each.item_id for each in answer}
        assert scores == sorted(scores, reverse=True)
    with pytest.raises(rm.UserError, match="unknown"):
        rec.similar(["no such"])
    if not rec.section.sources:
        with pytest.raises(rm.UserError, match=r"across=source: .* has no items of sources"):
            rec.similar(asked, across="source")
        return
    names = [f"{domain}/{item}" for domain, of_domain in rec.section.sources.items() for item in of_domain.ids]
    vectors = torch.cat([of_domain.vectors[1:] for of_domain in rec.section.sources.values()])
    for number, answer in enumerate(rec.similar(asked, len(names) + 1, across="source"), 1):
        cosines = torch.cosine_similarity(rec.scorer.outputs[number], vectors)
        assert sorted(each.item_id for each in answer) == sorted(names)
        found = {each.item_id: each.score for each in answer}
        np.testing.assert_allclose([found[name] for name in names], cosines, atol=1e-5)


def test_an_ensemble_finds_the_items_of_sources_that_its_member_does(trained: Callable[[str], list[RunResult]]) -> None:
    runs = {run.variant: rm.load(str(run.checkpoint)) for run in trained("MetaRec without clock")}
    transfer, ensemble = runs["transfer"], runs["ensemble"]
    asked = transfer.item_ids[:3]
    both = zip(ensemble.similar(asked, 9, "source"), transfer.similar(asked, 9, "source"), strict=True)
    for found, expected in both:
        assert [each.item_id for each in found] == [each.item_id for each in expected]
        assert [each.score for each in found] == pytest.approx([each.score for each in expected], abs=1e-5)


def test_items_of_sources_are_near_in_the_columns_that_they_share(tmp_path: Path) -> None:
    domain = made.make_domain(n_items=9)
    rec = made.make_recommender(domain, made.make_evidence(domain, "memory"), made.make_encoder("gru", "gru"))
    shared = {"first": (8, 4), "second": (0, 5)}  # where its columns begin, how many items it has
    drawn = {name: torch.randn(n + 1, 8) for name, (_, n) in shared.items()}
    sources = {name: SourceItems([*"abcdefgh"[:n]], drawn[name], begin) for name, (begin, n) in shared.items()}
    rec.section = replace(rec.section, sources=sources)
    rec.save(tmp_path / "rec.safetensors")
    (answer,) = rm.load(tmp_path / "rec.safetensors").similar(["i3"], 20, "source")
    expected = {
        f"{name}/{item}": torch.cosine_similarity(rec.scorer.outputs[3, begin : begin + 8], vector, dim=0).item()
        for name, (begin, _) in shared.items()
        for item, vector in zip("abcdefgh", drawn[name][1:], strict=False)
    }
    assert [each.item_id for each in answer] == sorted(expected, key=lambda name: -expected[name])
    assert [each.score for each in answer] == pytest.approx(sorted(expected.values(), reverse=True), abs=1e-5)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_frames_are_read_and_answered_in_kind(rec: Recommender, library: type[pd.DataFrame]) -> None:
    a, b, c = rec.item_ids[:3]
    frame = library({"user_id": ["y", "x", "y"], "item_id": [a, c, b], "timestamp": [1.3e9 + 9, 1.3e9, 1.3e9]})
    found = rec.recommend(frame, 3, at={"x": AT, "y": AT})
    assert isinstance(found, library)
    assert [*found.columns] == ["user_id", "item_id", "score", "rank"]
    assert [*dict.fromkeys(found["user_id"])] == ["y", "x"]
    if rec.scorer.evidence.timed is None:
        answers = rec.recommend([[b, a], [c]], 3, at=AT)
        assert [*found["item_id"]] == [each.item_id for answer in answers for each in answer]
    alike = rec.similar(library({"item_id": [a, b]}), 2)
    assert [*alike.columns] == ["target_item_id", "item_id", "score", "rank"]
    nothing = rec.recommend(library({"user_id": ["y"], "item_id": [a]}), candidates=[a])
    assert isinstance(nothing, library)
    assert len(nothing) == 0


def test_an_updated_model_is_saved_and_loaded_as_it_is(rec: Recommender, tmp_path: Path) -> None:
    sequences, at = lists(rec, 10), "2011-08-01"
    before = rec.scores(rec.requests(sequences, at))
    items = [rec.item_ids[number % len(rec.item_ids)] for number in range(12)]
    day = 1_304_208_000 + 86_400 * np.repeat(np.arange(4), 3)
    assert rec.update(pd.DataFrame({"user_id": ["a", "b", "c"] * 4, "item_id": items, "timestamp": day})) == 12
    rec.save(tmp_path / "updated.pth")
    again = rm.load(tmp_path / "updated.pth")
    after = rec.scores(rec.requests(sequences, at))
    assert torch.equal(again.scores(again.requests(sequences, at)), after)
    evidence = rec.scorer.evidence
    assert torch.equal(before, after) == (evidence.timed is None and evidence.weights.memory_weight == 0)


@pytest.mark.parametrize("name", ["Evidence", "Memory"])
def test_counting_later_is_counting_at_once(recommender: Load, name: str) -> None:
    """What is counted in two steps, users' histories told, is what is counted in one."""
    one, two = recommender(name), recommender(name)
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"user_id": rng.integers(0, 6, 60), "item_id": rng.choice(one.item_ids, 60)})
    frame["timestamp"] = 1_304_208_000 + 40_000 * np.arange(60)
    one.update(frame)
    two.update(frame[:35])
    two.update(frame[35:], histories=frame[:35])
    requests = one.requests(lists(one, 20), "2011-09-01")
    torch.testing.assert_close(two.scores(requests), one.scores(requests), rtol=1e-4, atol=1e-4)


def test_loading_draws_nothing(recommender: Load) -> None:
    recommender("MetaRec with clock")  # which trains it
    before = torch.get_rng_state()
    recommender("MetaRec with clock")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_without_evidence_says_that_it_counts_nothing(recommender: Load) -> None:
    rec = recommender("MetaRec without clock")
    rec.scorer.evidence.memory = None
    with pytest.raises(rm.UserError, match="has no evidence to count in"):
        rec.update(pd.DataFrame({"user_id": [1], "item_id": [rec.item_ids[0]]}))


BAD = {
    "k=0: must be": lambda rec: rec.recommend([["a"]], 0),
    "k=-1: must be": lambda rec: rec.similar([rec.item_ids[0]], -1),
    "k=1.5: must be": lambda rec: rec.recommend([["a"]], 1.5),
    "k=True: must be": lambda rec: rec.recommend([["a"]], True),
    "unknown=maybe: must be": lambda rec: rec.recommend([["a"]], unknown="maybe"),
    "must be a list of lists": lambda rec: rec.recommend("abc"),
    "number 1 is no list": lambda rec: rec.recommend(["a", "b"]),
    "at=soon: is no time": lambda rec: rec.recommend([["a"]], at="soon"),
    "at=nan: is no time": lambda rec: rec.recommend([["a"]], at=math.nan),
    "at=1300000000000: is no time": lambda rec: rec.recommend([["a"]], at=1_300_000_000_000),
    "at: has 2 times for 1": lambda rec: rec.recommend([["a"]], at=[1, 2]),
    "exclude: must be": lambda rec: rec.recommend([["a"]], exclude=[["a"], ["b"]]),
    "exclude=a: must be": lambda rec: rec.recommend([["a"]], exclude="a"),
    "candidates=a: must be": lambda rec: rec.recommend([["a"]], candidates="a"),
    "column item_id is missing; .* did you mean item": lambda rec: rec.recommend(
        pd.DataFrame({"user_id": [], "item": []})
    ),
    "item_id of row 2 is missing": lambda rec: rec.recommend(pl.DataFrame({"user_id": [1, 1], "item_id": ["a", None]})),
    "timestamp of row 1 is missing": lambda rec: rec.update(
        pd.DataFrame({"user_id": [1], "item_id": ["a"], "timestamp": [math.nan]})
    ),
    "timestamp: must hold times": lambda rec: rec.update(pd.DataFrame({"user_id": [1], "item_id": [rec.item_ids[0]]})),
    "frame: must be a frame": lambda rec: rec.update([["a"]]),
    "at: has no time for user 2": lambda rec: rec.recommend(
        pl.DataFrame({"user_id": [2], "item_id": ["a"]}), at={1: 3}
    ),
}


@pytest.mark.parametrize("line", BAD)
@pytest.mark.filterwarnings("ignore:.*unknown and skipped")
def test_mistakes_are_one_line(recommender: Load, line: str) -> None:
    with pytest.raises(rm.UserError, match=line) as error:
        BAD[line](recommender("MetaRec with clock"))
    assert len(error.value.problems) == 1


def test_foreign_and_damaged_files_are_one_line(trained: Callable[[str], list[RunResult]], tmp_path: Path) -> None:
    state = checkpoint.load(Path(str(trained("Memory")[0].checkpoint)))
    changed = {
        "older version or another model": {key: value for key, value in state.items() if key != "inference"},
        "newer version": {**state, "inference": {**state["inference"], "version": 99}},
        "is damaged: KeyError": {**state, "inference": {"version": 1}},
        "is damaged: ValueError: item_tokens": {**state, "item_tokens": ["a"]},
        "is damaged: ValueError: there are 2 items, in evidence 24": {
            **state,
            "inference": {**state["inference"], "inputs": state["inference"]["inputs"][:3]},
            "item_tokens": ["a", "b"],
        },
    }
    for line, each in changed.items():
        checkpoint.save(tmp_path / "x.pth", each)
        with pytest.raises(rm.UserError, match=line):
            rm.load(tmp_path / "x.pth")


def test_evidence_of_items_that_there_are_not_is_one_line(
    trained: Callable[[str], list[RunResult]], tmp_path: Path
) -> None:
    for name, key in {"Evidence": "timed", "Memory": "memory"}.items():
        state = checkpoint.load(Path(str(trained(name)[0].checkpoint)))
        table = state["inference"]["evidence"][key]
        arrays = table["counted"][0] if key == "timed" else table
        wrong = "sequences" if key == "timed" else "indices"
        arrays[wrong] = arrays[wrong] + 1000
        checkpoint.save(tmp_path / "x.safetensors", state)
        with pytest.raises(rm.UserError, match="is damaged: ValueError"):
            rm.load(tmp_path / "x.safetensors")
        state["inference"]["evidence"][key] = None
        checkpoint.save(tmp_path / "x.safetensors", state)
        with pytest.raises(rm.UserError, match="is damaged: ValueError: evidence has weights, but no counts"):
            rm.load(tmp_path / "x.safetensors")


def test_an_empty_history_asks_for_what_counts_lately(recommender: Load) -> None:
    """Evidence of a user of whom nothing is known is the table that is the same for all, weighed."""
    rec = recommender("Evidence")
    timed, weighing = rec.scorer.evidence.timed, rec.scorer.evidence.weights.timed
    assert timed is not None
    assert weighing is not None
    at = np.array([1_303_257_600.0])
    nothing = Requests(np.zeros(1, np.int64), np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int64), at)
    (asked,) = timed.ask(nothing)
    expected = (weighing.weights[:, 0] @ asked.features()[0])[1:]
    torch.testing.assert_close(rec.scores(nothing)[0, 1:], expected)
    assert not asked.features()[0, : len(PAIRED)].any()
