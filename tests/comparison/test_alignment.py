"""Models are compared over the same users and items, whatever the order and the number of their rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import planted
import pytest
import timed

from recbole_metarec.comparison.alignment import align
from recbole_metarec.comparison.compare import Comparison, compare
from recbole_metarec.comparison.protocols import protocols
from recbole_metarec.comparison.summary import summarize
from recbole_metarec.comparison.text_report import heading, text_report
from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evaluation.targets import Targets

QUIET = {"gpu_id": "", "state": "ERROR", "show_progress": False, "bootstrap_samples": 200}


def compared(folder: Path, **settings: Any) -> Comparison:
    given = {**QUIET, "comparison_folder": str(folder / "runs"), "checkpoint_dir": str(folder), **settings}
    return compare(given, say=lambda line: None)


def by_user_and_item(comparison: Comparison, label: str) -> dict[tuple[str, str], float]:
    (run,) = comparison.runs[label].values()
    assert run.targets is not None
    assert run.ranks is not None
    values = metric_of_ranks("ndcg@10", run.ranks)
    return dict(zip(zip(*run.targets, strict=True), values, strict=True))


def write(root: Path, name: str, rows: list[tuple[str, str, int]]) -> None:
    (root / name).mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float", *("\t".join(map(str, row)) for row in rows)]
    (root / name / f"{name}.inter").write_text("\n".join(lines) + "\n")


def shop(n_users: int, lengths: tuple[int, ...], seed: int) -> list[tuple[str, str, int]]:
    """Return users that begin at random times, each with one of the lengths."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(n_users):
        first, item = int(rng.integers(10**9)), int(rng.integers(30))
        for step in range(lengths[user % len(lengths)]):
            rows.append((f"u{user}", f"i{item}", first + 60 * step))
            item = (item + int(rng.integers(1, 4)) * int(rng.integers(2))) % 30
    return [rows[row] for row in rng.permutation(len(rows))]


def test_a_general_and_a_sequential_model_are_paired_by_user_on_real_timestamps(tmp_path: Path) -> None:
    """Sequential splits have users in the order of their times, general ones in that of their numbers."""
    found = compared(tmp_path, model=["SASRec", "ItemKNN"], dataset="ml-100k-western", epochs=2)
    summary = summarize(found)
    masked = protocols(found).headline
    assert "history masked" in summary.protocol
    ours, theirs = (by_user_and_item(masked, label) for label in ("ItemKNN", "SASRec"))
    assert ours.keys() == theirs.keys()
    assert list(ours) != list(theirs)
    (effect,) = summary.effects
    pairs = np.array([(ours[key], theirs[key]) for key in theirs])
    assert effect.change.relative == pytest.approx(pairs[:, 0].mean() / pairs[:, 1].mean() - 1)
    not_masked = [np.mean([*by_user_and_item(found, label).values()]) for label in ("ItemKNN", "SASRec")]
    assert effect.other == pytest.approx(not_masked[0] / not_masked[1] - 1)
    assert [row.other for row in summary.rows] == pytest.approx(not_masked[::-1])
    rng = np.random.default_rng(1)
    drawn = [pairs[rng.integers(len(pairs), size=len(pairs))].mean(0) for _ in range(4000)]
    low, high = np.quantile([a / b - 1 for a, b in drawn], (0.025, 0.975))
    assert (effect.change.low, effect.change.high) == pytest.approx((low, high), abs=0.2 * (high - low))
    run = found.runs["ItemKNN"][2020]
    assert run.targets is not None
    described = found.description
    assert described.grouped is not None
    groups = dict(zip(zip(*described.grouped, strict=True), described.groupings[1].group, strict=True))
    for number, (_, size, means) in enumerate(summary.groups[1][1]):
        inside = [value for key, value in ours.items() if groups[key] == number]
        assert size == len(inside)
        if inside:
            assert means["ItemKNN"] == pytest.approx(np.mean(inside))


def test_only_targets_that_all_models_were_tested_on_count(tmp_path: Path) -> None:
    """Of users with two interactions general models test the second one, sequential models nothing."""
    write(tmp_path, "shop", shop(90, (2, 5, 7), seed=0))
    found = compared(
        tmp_path, model=["Pop", "MetaRec"], dataset="shop", data_path=str(tmp_path), epochs=1, hidden_size=16
    )
    summary = summarize(found)
    assert found.runs["Pop"][2020].n_users == 90
    assert found.runs["MetaRec"][2020].n_users == 60
    assert summary.size == "60 users"
    assert "Pop was tested on 90 targets; the 60 that all models of the table have count." in summary.notes
    ours, pop = by_user_and_item(found, "MetaRec"), by_user_and_item(found, "Pop")
    row = next(row for row in summary.rows if row.label == "Pop")
    assert row.means["ndcg@10"] == pytest.approx(np.mean([pop[key] for key in ours]))


@pytest.mark.parametrize("mask_history", [False, True])
def test_ratio_splits_rank_each_target_of_a_user_alike_for_every_model(tmp_path: Path, mask_history: bool) -> None:
    rows = shop(60, (10, 20), seed=1)
    write(tmp_path, "shop", rows)
    evaluation = {"split": {"RS": [0.6, 0.1, 0.3]}, "order": "TO", "group_by": "user", "mode": "full"}
    data = {"dataset": "shop", "data_path": str(tmp_path)}
    found = compared(tmp_path, model=["FPMC", "Pop"], epochs=2, eval_args=evaluation, mask_history=mask_history, **data)
    summary = summarize(found)
    pop, sequential = found.runs["Pop"][2020], found.runs["FPMC"][2020]
    assert pop.n_users == sequential.n_users == 60 < sequential.n_targets
    assert f"60 users ({len(by_user_and_item(found, 'FPMC')):,} targets)" in summary.size or summary.notes
    # By hand: a target's rank by popularity in training among all items but, masked, those that the user had before.
    histories: dict[str, list[str]] = {}
    for user, item, _ in sorted(rows, key=lambda row: (row[0], row[2])):
        histories.setdefault(user, []).append(item)
    n_tested = {user: int(0.3 * len(items)) for user, items in histories.items()}
    n_trained = {user: len(items) - n_tested[user] - int(0.1 * len(items)) for user, items in histories.items()}
    counts = Counter(item for user, items in histories.items() for item in items[: n_trained[user]])
    everything = {item for items in histories.values() for item in items}
    assert pop.targets is not None
    assert pop.ranks is not None
    assert len(pop.ranks) == sum(len(set(items[-n_tested[user] :])) for user, items in histories.items())
    for user, item, rank in zip(*pop.targets, pop.ranks, strict=True):
        first = len(histories[user]) - n_tested[user] + histories[user][-n_tested[user] :].index(item)
        before = set(histories[user][:first]) if mask_history else set()
        ahead = sum(counts[other] > counts[item] for other in everything - before)
        ties = sum(counts[other] == counts[item] for other in everything - before - {item})
        if item in before:
            assert rank == 0
        elif rank == 0:
            assert ahead + 1 + ties > 10
        else:
            assert ahead + 1 <= rank <= ahead + 1 + ties


def test_a_model_that_was_tested_on_other_targets_is_compared_with_nothing(tmp_path: Path) -> None:
    write(tmp_path, "shop", shop(40, (6,), seed=2))
    found = compared(tmp_path, model=["FPMC", "Pop"], dataset="shop", data_path=str(tmp_path), epochs=1)
    pop = found.runs["Pop"][2020]
    assert pop.targets is not None
    strangers = Targets(np.array([f"x{user}" for user in pop.targets.users], dtype=object), pop.targets.items)
    found.runs["Pop"][2020] = replace(pop, targets=strangers)
    summary = summarize(found)
    assert [row.label for row in summary.apart] == ["Pop"]
    assert [row.label for row in summary.rows] == ["FPMC"]
    assert summary.effects == []
    printed = text_report(found, summary)
    assert "Tested on other targets" in printed
    assert "Pop is not comparable: of the targets of the other models it was tested on 0 only." in printed
    assert heading(found, summary) in printed


def test_metrics_without_ranks_are_shown_and_nothing_is_claimed_of_them(tmp_path: Path, suite: Path) -> None:
    settings = planted.settings(suite, warmup_epochs=1, meta_epochs=1, epochs=1, metrics=["ItemCoverage"])
    found = compared(tmp_path, **{**settings, "model": ["MetaRec"], "valid_metric": "ItemCoverage@10"})
    summary = summarize(found)
    assert summary.effects == summary.transfers == summary.groups == []
    assert all(0 < row.means["itemcoverage@10"] <= 1 and row.valid > 0 for row in summary.rows)
    (to_use,) = summary.answers[:1]
    assert "MetaRec with seed 1: there is no metric of single validation targets to choose by" in to_use


def test_too_few_resamples_for_so_many_comparisons_are_named(tmp_path: Path) -> None:
    write(tmp_path, "shop", shop(40, (6,), seed=3))
    models = ["Pop", "ItemKNN", "FPMC", "Random", "BPR", "NeuMF"]
    found = compared(tmp_path, model=models, dataset="shop", data_path=str(tmp_path), epochs=1, bootstrap_samples=100)
    assert "bootstrap_samples=100 can call none of 5 comparisons clear; take 101 or more." in summarize(found).notes


@pytest.mark.parametrize("split", [{"LS": "valid_and_test"}, {"time": [0.6, 0.8]}], ids=str)
def test_targets_that_seeds_draw_all_count(tmp_path: Path, split: dict[str, Any]) -> None:
    """Where seeds draw the order within a day, a user's targets are others under each."""
    timed.write(tmp_path, timed.draw_lines(n_users=80, whole_days=True))
    drawn = {"data_path": str(tmp_path), "shuffle_ties": True, "mask_history": False}
    by = {
        "eval_args": {"split": split, "order": "TO", "mode": "full"},
        "requests_per_user": 2 if "time" in split else None,
    }
    found = compared(tmp_path, model=["Memory", "Evidence"], dataset=timed.NAME, seeds=3, **by, **drawn)
    sets = [{*zip(*run.targets, strict=True)} for run in found.runs["Memory"].values() if run.targets]
    assert sets[0] != sets[1]
    summary = summarize(found)
    for row in summary.rows:
        runs = protocols(found).headline.runs[row.label].values()
        assert row.means["ndcg@10"] == pytest.approx(np.mean([run.test["ndcg@10"] for run in runs]), abs=1e-6)
    assert any("Each seed draws the order" in note for note in summary.notes)
    assert sum(size for _, size, _ in summary.groups[0][1]) == found.runs["Memory"][2020].n_targets


def test_who_stands_apart_is_for_the_reference_to_say_in_seeds_that_it_lacks_too() -> None:
    users, items = np.array(["a", "b", "c"]), np.array(["i", "j", "k"])
    usual, other = Targets(users, items), Targets(users, items[[1, 2, 0]])

    def runs(targets: Targets, *seeds: int) -> dict[int, Any]:
        return {seed: SimpleNamespace(targets=targets, ranks=np.arange(3)) for seed in seeds}

    found = align({"other": runs(other, 1, 2), "reference": runs(usual, 1), "alike": runs(usual, 1, 2)}, "reference")
    assert found is not None
    assert found.apart == {"other": 0}
    assert found.ranks["alike"].keys() == {1, 2}
