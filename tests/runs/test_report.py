from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evaluation.targets import Targets
from recbole_metarec.runs.delivery import Delivery
from recbole_metarec.runs.report import run_report, write_json
from recbole_metarec.runs.result import RunResult

USAGE = {"share": 0.5, "attainable": 0.75, "perplexity": 12.0, "collisions": 0.25}


def result(ranks: list[int], **changes: object) -> RunResult:
    array = np.array(ranks)
    metrics = {name: float(metric_of_ranks(name, array).mean()) for name in ("recall@10", "ndcg@10")}
    base = RunResult(
        model="MetaRec",
        variant="transfer",
        dataset="office",
        source_datasets=["baby", "tools"],
        seed=3,
        mask_history=True,
        mode="full",
        valid=metrics,
        test=metrics,
        seconds=1.5,
        epochs=7,
        diagnostics={"source_weights": {"baby": 0.25, "tools": 0.75}, "codebook": USAGE},
        n_users=len(ranks),
        n_targets=len(ranks),
        checkpoint="saved/x.pth",
        targets=Targets(np.arange(len(ranks)).astype(str), np.array(["i"] * len(ranks))),
        ranks=array,
    )
    return replace(base, **changes)


TRANSFER = result([1, 2, 0, 1] * 50)
SCRATCH = result([2, 0, 0, 1] * 50, variant="scratch", source_datasets=[], diagnostics={"codebook": USAGE})


def test_the_table_shows_both_runs_the_change_and_the_protocol() -> None:
    text = run_report([TRANSFER, SCRATCH], samples=300)
    assert "office, test split: 200 users, full ranking, history masked, seed 3" in text
    for run in (TRANSFER, SCRATCH):
        for value in run.test.values():
            assert f"{value:.4f}" in text
    assert "+50.0%" in text  # recall .75 against .5
    assert "Data of the other domains help in the one seed that was run: NDCG@10 is" in text.splitlines()[2]


def test_codebook_usage_is_told_with_its_bound() -> None:
    text = run_report([TRANSFER], samples=300)
    assert "50% of the codes in use (75% is the most that so few items can use), perplexity 12" in text
    whole = replace(TRANSFER, diagnostics={"codebook": {**USAGE, "attainable": 1.0}})
    assert "50% of the codes in use, perplexity 12" in run_report([whole], samples=300)


def test_sources_are_ordered_by_weight_if_they_differ_by_more_than_chance() -> None:
    steady = [{"baby": 0.25 + wiggle, "tools": 0.75 - wiggle} for wiggle in (0.0, 0.01, -0.01, 0.02)]
    diagnostics = {**TRANSFER.diagnostics, "weight_history": steady}
    text = run_report([replace(TRANSFER, diagnostics=diagnostics), SCRATCH], samples=300)
    assert text.index("tools") < text.index("baby")
    assert "#" in text
    unsteady = [{"baby": weight, "tools": 1 - weight} for weight in (0.9, 0.0, 0.1, 0.0)]
    text = run_report([replace(TRANSFER, diagnostics={**diagnostics, "weight_history": unsteady})], samples=300)
    assert "MetaRec: the weights of its 2 sources do not differ clearly, 0.250 to 0.750" in text
    assert "#" not in text


def test_users_whose_item_nobody_had_are_spoken_of_once() -> None:
    lost = [replace(run, cold={"ndcg@10": 0.0, "n_users": 7}) for run in (TRANSFER, SCRATCH)]
    line = "No model finds anything for the 7 users whose item nobody had in training"
    assert line in run_report(lost, samples=300).splitlines()
    found = [replace(TRANSFER, cold={"ndcg@10": 0.25, "n_users": 7}), *lost[1:]]
    text = run_report(found, samples=300)
    assert line not in text
    header, _, ours, theirs = text[text.index("the 7 users") :].splitlines()[:4]
    assert "NDCG@10" in header
    assert "0.2500" in ours
    assert "0.0000" in theirs
    assert "nobody had in training" not in run_report([TRANSFER, SCRATCH], samples=300)


def test_the_preset_is_named_in_the_table_and_in_the_json(tmp_path: Path) -> None:
    runs = [replace(TRANSFER, preset="paper"), replace(SCRATCH, preset="paper")]
    to_use = Delivery(runs[1], False, "NDCG@10", {})
    text = run_report(runs, 300, to_use)
    assert "MetaRec (paper) " in text
    assert "Use MetaRec (paper, scratch), trained on the target alone." in text
    write_json(tmp_path / "x.json", runs, 300, to_use)
    content = json.loads((tmp_path / "x.json").read_text())
    assert [run["preset"] for run in content["runs"]] == ["paper", "paper"]
    assert content["delivered"]["preset"] == "paper"
    assert content["answer"][0] in text


def test_a_loss_is_called_a_loss() -> None:
    worse, better = replace(SCRATCH, variant="transfer"), replace(TRANSFER, variant="scratch")
    assert "Data of the other domains hurt in the one seed that was run: NDCG@10" in run_report([worse, better], 300)


def test_a_baseline_stands_alone() -> None:
    baseline = replace(SCRATCH, model="SASRec", variant=None, diagnostics={})
    text = run_report([baseline], samples=300)
    assert "SASRec" in text
    assert "change" not in text
    assert "codes" not in text


def test_a_scratch_that_finds_nothing_gives_no_number() -> None:
    nothing = result([0] * 200, variant="scratch")
    text = run_report([TRANSFER, nothing], samples=300)
    assert "n/a" in text
    assert "nan" not in text


def test_json_holds_the_runs_and_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", [TRANSFER, result([0] * 200, variant="scratch")], samples=300)
    content = json.loads((tmp_path / "x.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert content["runs"][0]["source_weights"] == TRANSFER.diagnostic("source_weights")
    assert content["runs"][0]["weight_history"] == []
    assert content["runs"][1]["variant"] == "scratch"
    assert not {"ranks", "diagnostics"} & content["runs"][0].keys()
    assert content["change_over_scratch"]["ndcg@10"]["relative"] is None
