"""Models of all kinds on a split by time, among items that someone had by then."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import timed

from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.comparison.compare import compare
from recbole_metarec.comparison.summary import summarize
from recbole_metarec.errors import UserError
from recbole_metarec.runs.report import run_report
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import run, run_one

LINES = timed.draw_lines(5, n_users=80)
BY_TIME = {"split": {"time": [0.6, 0.8]}, "order": "TO", "mode": "full"}
N_ITEMS = len({line.item for line in LINES})
CUTS = timed.cut(LINES, 0.6), timed.cut(LINES, 0.8)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("timed")
    timed.write(root, LINES)
    return root


def settings(root: Path, model: str, **changes: Any) -> dict[str, Any]:
    quiet = {"gpu_id": "", "show_progress": False, "state": "ERROR", "seed": 1, "epochs": 1}
    return {"model": model, "dataset": timed.NAME, "data_path": str(root), **quiet, "topk": [N_ITEMS], **changes}


def by_target(result: RunResult | None) -> Counter[Any]:
    assert result is not None
    assert result.targets is not None
    assert result.ranks is not None
    return Counter(zip(*result.targets, result.ranks.tolist(), strict=True))


def targets(result: RunResult) -> Counter[Any]:
    assert result.targets is not None
    return Counter(zip(*result.targets, strict=True))


def requested(leave_one_out: bool = False) -> list[tuple[list[timed.Line], timed.Line]]:
    if leave_one_out:
        return [(each[:-1], each[-1]) for each in timed.sequences(LINES).values() if len(each) > 1]
    return timed.splits(LINES, *CUTS)[2]


def unseen(target: timed.Line) -> bool:
    return timed.first_days(LINES)[target.item] >= target.second // 86_400


@pytest.mark.parametrize("mask_history", [False, True])
@pytest.mark.parametrize("model", ["MetaRec", "Memory", "SASRec", "FPMC", "Pop", "BPR"])
def test_every_model_has_the_same_targets_and_misses_those_that_nobody_had(
    root: Path, model: str, mask_history: bool
) -> None:
    options = {"eval_args": BY_TIME, "known_items": True, "mask_history": mask_history}
    if model == "MetaRec":
        options["hidden_size"] = 16
    result = run_one(settings(root, model, **options))
    rows = requested()
    assert targets(result) == Counter((target.user, target.item) for _, target in rows)
    assert result.unseen_targets == pytest.approx(np.mean([unseen(target) for _, target in rows]))
    for masked in (False, True):
        missed = Counter(
            (target.user, target.item)
            for history, target in rows
            if unseen(target) or (masked and target.item in {line.item for line in history})
        )
        tested = result.with_history(masked)
        found = by_target(tested)
        assert Counter({(user, item): n for (user, item, rank), n in found.items() if rank == 0}) == missed
        assert tested is not None
        assert tested.test[f"hit@{N_ITEMS}"] == pytest.approx(1 - missed.total() / len(rows), abs=1e-6)


@pytest.mark.parametrize("known_items", [False, True])
@pytest.mark.parametrize("mask_history", [False, True])
@pytest.mark.parametrize("split", [BY_TIME["split"], {"LS": "valid_and_test"}])
def test_ranks_by_popularity_are_those_by_hand(root: Path, split: Any, mask_history: bool, known_items: bool) -> None:
    """Counts in training among those who were known, had not been had, and are ahead or tie."""
    by_time = "time" in split
    evaluation = {"eval_args": {**BY_TIME, "split": split}, "known_items": known_items, "mask_history": mask_history}
    result = run_one(settings(root, "Pop", **evaluation))
    if by_time:
        trained = [line for line in LINES if line.second < CUTS[0]]
    else:
        trained = [line for each in timed.sequences(LINES).values() for line in each[: max(len(each) - 2, 1)]]
    counts = Counter(line.item for line in trained)
    for masked in (False, True):
        check_by_hand(result, masked, known_items, requested(leave_one_out=not by_time), counts)


def check_by_hand(
    result: RunResult, masked: bool, known_items: bool, requests: list[Any], counts: Counter[str]
) -> None:
    first, left = timed.first_days(LINES), by_target(result.with_history(masked))
    for history, target in requests:
        day = target.second // 86_400
        candidates = {item for item in first if not known_items or first[item] < day}
        candidates -= {line.item for line in history} if masked else set()
        found = [rank for user, item, rank in left if (user, item) == (target.user, target.item)]
        ahead = sum(counts[item] > counts[target.item] for item in candidates)
        ties = sum(counts[item] == counts[target.item] for item in candidates)
        allowed = range(ahead + 1, ahead + ties + 1) if target.item in candidates else [0]
        fitting = [rank for rank in found if rank in allowed]
        assert fitting, (target, found, allowed)
        left -= Counter([(target.user, target.item, fitting[0])])
    assert not left


@pytest.mark.parametrize("split", [{"RS": [0.6, 0.2, 0.2]}, {"LS": "valid_and_test"}])
@pytest.mark.parametrize("model", ["Pop", "ItemKNN", "Memory"])
def test_a_run_finds_under_the_other_protocol_what_one_that_is_asked_for_it_does(
    root: Path, model: str, split: Any
) -> None:
    """Of the memory's weights the penalty of repeats alone hangs on the protocol, which is nothing where it masks."""
    evaluation = {"eval_args": {**BY_TIME, "split": split, "group_by": "user"}, "topk": [5]}
    runs = {masked: run_one(settings(root, model, mask_history=masked, **evaluation)) for masked in (False, True)}
    for masked in (False, True) if model != "Memory" else (True,):
        asked, other = runs[masked], runs[not masked].with_history(masked)
        assert other is not None
        assert by_target(other) == by_target(asked)
        if "LS" in split:  # RecBole takes means over users
            assert other.test == pytest.approx(asked.test, abs=1e-6)
            assert other.valid == pytest.approx(asked.valid, abs=1e-6)


@pytest.mark.parametrize("split", [BY_TIME["split"], {"LS": "valid_and_test"}])
def test_blocks_rank_as_recboles_evaluation_does(root: Path, split: Any) -> None:
    options = {"eval_args": {**BY_TIME, "split": split}, "known_items": True, "mask_history": True, "hidden_size": 16}
    options |= {"memory_weight": 0, "repeat_items": True}  # no scores that tie, which RecBole breaks otherwise
    # RecBole finds what is no candidate where a list has room for all that are
    ours = run_one(settings(root, "MetaRec", **options, topk=[2]))
    recboles = run_one(settings(root, "MetaRec", **options, topk=[2], metrics=["NDCG", "ItemCoverage"]))
    assert targets(ours) == targets(recboles)
    assert ours.test["ndcg@2"] == pytest.approx(recboles.test["ndcg@2"], abs=1e-5)
    assert all(by_target(ours.with_history(masked)) == by_target(recboles.with_history(masked)) for masked in (0, 1))
    assert "itemcoverage@2" in recboles.test


def test_a_run_with_sources_goes_by_time(suite: Path) -> None:
    """The planted domains lie within hours: points are dates with times of day."""
    points = ["2020-09-13 12:27:00", "2020-09-13 12:27:10"]
    evaluation = {"split": {"time": points}, "order": "TO", "mode": "full"}
    quick = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 2}
    runs = run(planted.settings(suite, **quick, eval_args=evaluation, requests_per_user=1, known_users=0.7))
    assert [each.variant for each in runs] == ["transfer", "scratch", "ensemble", None]
    assert all(each.n_targets == each.n_users > 0 for each in runs)
    assert all(each.unseen_targets is None for each in runs)


def test_reports_say_what_was_ranked_and_what_nobody_had(root: Path) -> None:
    (plain,) = run(settings(root, "Pop"))
    (known,) = run(settings(root, "Pop", known_items=True))
    (blind,) = run(settings(root, "Pop", time_unit="none"))
    assert plain.unseen_targets == known.unseen_targets is not None
    share = f"{plain.unseen_targets:.1%} of the test targets nobody had on a day before the request"
    assert share in run_report([plain], 300).splitlines()
    assert f"{share}; they are no candidates and count as missed" in run_report([known], 300).splitlines()
    assert "full ranking of items that someone had on an earlier day, history not masked" in run_report([known], 300)
    assert blind.unseen_targets is None
    assert "nobody had on a day" not in run_report([blind], 300)
    assert known.to_json()["unseen_targets"] == known.unseen_targets


def test_a_comparison_goes_by_time(root: Path) -> None:
    given = settings(root, "Pop,Memory,SASRec", eval_args=BY_TIME, known_items=True, requests_per_user=2)
    found = compare({**given, "seeds": 1, "topk": [10]})
    summary = summarize(found)
    assert not any("tested on" in note for note in summary.notes)
    assert any("nobody had on a day before the request" in note for note in summary.notes)
    assert {row.label for row in summary.rows} == {"Pop", "Memory", "SASRec"}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"eval_args": BY_TIME}, ""),
        ({"eval_args": BY_TIME, "model": "Pop", "known_items": True}, ""),
        ({"eval_args": {**BY_TIME, "split": {"time": ["2011-03-25", "2011-04-01"]}}}, ""),
        ({"eval_args": {**BY_TIME, "split": {"time": [0.8, "2011-04-15 12:00"]}}}, ""),
        ({"eval_args": {**BY_TIME, "split": {"time": [0.9, 0.8]}}}, "or time with two increasing points"),
        ({"eval_args": {**BY_TIME, "split": {"time": [0.8]}}}, "or time with two increasing points"),
        ({"eval_args": {**BY_TIME, "split": {"time": [0.8, 1]}}}, "or time with two increasing points"),
        ({"eval_args": {**BY_TIME, "split": {"time": ["2011-13-01", "2012"]}}}, "or time with two increasing points"),
        ({"eval_args": {**BY_TIME, "mode": "uni20"}}, "mode must be full in a split by RS, TS or time"),
        ({"eval_args": BY_TIME, "model": "DIEN"}, "cannot be split by time; write {LS: valid_and_test}"),
        ({"known_items": True, "model": "DIEN"}, "have no times of requests; leave it out"),
        ({"known_items": True, "eval_args": {"order": "TO", "mode": "uni20"}}, "write mode: full instead of uni20"),
        ({"known_items": True, "time_unit": "none"}, "needs times, but timestamps of"),
        ({"eval_args": BY_TIME, "time_unit": "none"}, "--eval_args: a split by time ([0.6, 0.8]) needs times"),
        ({"requests_per_user": 2}, "--requests_per_user=2: is for a split by time"),
        ({"known_users": 0.5, "model": "Pop"}, "--known_users=0.5: Pop cannot leave some of the users unknown"),
        ({"known_users": 0}, "--known_users=0: must be a number, above 0 and 1 at most"),
        ({"time_unit": "minutes"}, "--time_unit=minutes: must be one of auto, s, ms, us, ns, none"),
    ],
)
def test_what_cannot_be_by_time_is_one_line(root: Path, changes: dict[str, Any], wanted: str) -> None:
    given = {"model": "SASRec", "dataset": timed.NAME, "data_path": str(root), **changes}
    found = [line for line in find_problems(given) if "label" not in line]
    assert [wanted in line for line in found] == [True] * bool(wanted), found


def test_files_of_positions_or_of_several_units_are_named_before_anything_is_read(tmp_path: Path) -> None:
    timed.write(tmp_path, [line._replace(second=n) for n, line in enumerate(LINES)], name="order")
    timed.write(tmp_path, [LINES[0]._replace(second=LINES[0].second * 1000), *LINES[1:]], name="mixed")
    given = {"model": "SASRec", "data_path": str(tmp_path)}
    assert find_problems({**given, "dataset": "order"}) == []
    (line,) = find_problems({**given, "dataset": "order", "known_items": True})
    assert "--known_items=True: needs times, but timestamps of" in line
    assert "are positions: nothing here knows the clock" in line
    (line,) = find_problems({**given, "dataset": "mixed"})
    assert "order.inter" not in line
    assert f"{len(LINES) - 1} are seconds and 1 are milliseconds; write all in one unit" in line
    assert find_problems({**given, "dataset": "mixed", "time_unit": "none"}) == []
    with pytest.raises(UserError, match="1 are milliseconds"):
        run({**given, "dataset": "mixed"})


def test_dates_of_a_split_need_no_quotation_marks() -> None:
    options = ["--model=SASRec", "--eval_args={split: {time: [2014-01-01, 2014-04-01 12:00:00]}, order: TO}"]
    assert parse_arguments(options)["eval_args"]["split"] == {"time": ["2014-01-01", "2014-04-01 12:00:00"]}
    with pytest.raises(UserError, match="2014-01-01 is a date, which nothing may be here"):
        parse_arguments(["--model=SASRec", "--eval_args={split: 2014-01-01}"])
