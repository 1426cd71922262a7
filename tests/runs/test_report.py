from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evaluation.targets import Targets
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
    assert "Transfer is ahead in the one seed that was run: NDCG@10" in text


def test_codebook_usage_is_told_with_its_bound() -> None:
    text = run_report([TRANSFER], samples=300)
    assert "50% of the codes in use (75% is the most that so few items can use), perplexity 12" in text
    whole = replace(TRANSFER, diagnostics={"codebook": {**USAGE, "attainable": 1.0}})
    assert "50% of the codes in use, perplexity 12" in run_report([whole], samples=300)


def test_sources_are_ordered_by_weight() -> None:
    text = run_report([TRANSFER, SCRATCH], samples=300)
    assert text.index("tools") < text.index("baby")


def test_a_loss_is_called_a_loss() -> None:
    worse, better = replace(SCRATCH, variant="transfer"), replace(TRANSFER, variant="scratch")
    assert "Transfer is behind in the one seed that was run: NDCG@10" in run_report([worse, better], samples=300)


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
