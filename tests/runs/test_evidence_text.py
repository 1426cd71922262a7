"""What a run says of its evidence is true of the numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_report import TRANSFER, result
from weighed import evidence, weights

from recbole_metarec.evidence.kinds import CONTEXT, KINDS
from recbole_metarec.evidence.weights import MODEL
from recbole_metarec.runs.controls import evidence_beside
from recbole_metarec.runs.delivery import deliver
from recbole_metarec.runs.evidence_text import evidence_text, say_shifts, shifts
from recbole_metarec.runs.report import run_report
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.stored import load_run, save_run


def test_the_report_says_who_taught_and_what_each_kind_was_worth() -> None:
    run = replace(TRANSFER, diagnostics={"evidence": evidence()})
    control = result([1, 0] * 100, variant="scratch", diagnostics={"evidence": evidence(n_rows=77)})
    text = run_report([run, control], samples=300)
    assert "beauty (75%), toys (25%), then on 1,234 interactions of the target" in text
    assert "77 interactions" not in text
    line = next(line for line in text.splitlines() if line.startswith("without counts of the last days"))
    assert line.split()[-5:] == ["0.1760", "-12.0%", "-15.9%", "to", "-8.1%"]
    assert text.index("without counts") < text.index("without transitions")
    assert "on 370 later interactions" in text
    assert "0.1000     -50.0%" in text
    assert "Counts of the last days weigh 2.1 times as much a month after the last item as on its day." in text
    assert len(evidence_text("MetaRec", evidence()).splitlines()) <= 15


def test_shifts_are_those_of_the_weights_and_small_ones_are_not_told() -> None:
    weights_KC = weights(transitions=1.0, popularity=0.2)
    weights_KC[KINDS.index("transitions"), CONTEXT.index("long history")] = 1.0
    (only,) = shifts(evidence(weights_KC))
    assert (only.group, only.more, only.less) == ("transitions", "after 20 items", "after 2 items")
    assert only.times == pytest.approx(2.0 / 1.2)
    assert say_shifts(evidence(weights_KC)) == [
        "Transitions weigh 1.7 times as much after a history of 20 items as after one of 2."
    ]
    assert shifts(evidence(weights(transitions=1.0, popularity=1.0))) == []
    assert shifts(evidence(situations={})) == []


def test_a_model_s_score_is_told_of_and_measured_on_validation() -> None:
    weights_KC = np.concatenate([weights(transitions=1.0), np.eye(1, len(CONTEXT))])
    weights_KC[-1, CONTEXT.index("same day")] = 1.0
    text = evidence_text("MetaRec", evidence(weights_KC, kinds=[*KINDS, MODEL]))
    assert "on 370 later interactions of validation" in text
    assert "The model's score weighs 2.0 times as much on the day of the last item as a month later." in text


def test_what_learnt_nothing_says_so() -> None:
    text = evidence_text("Evidence", evidence(weights(transitions=1.0), n_rows=0, sources={}, worth=None))
    assert text == "Evidence: of evidence only transitions and popularity count"


def test_evidence_is_in_the_json_and_is_read_as_it_was_stored(tmp_path: Path) -> None:
    run = replace(TRANSFER, diagnostics={**TRANSFER.diagnostics, "evidence": evidence()})
    save_run(tmp_path / "run.json", run)
    stored = load_run(tmp_path / "run.json")
    assert stored is not None
    assert stored.diagnostics == run.diagnostics
    assert stored.to_json() == run.to_json()
    assert run.to_json()["evidence"] == evidence()
    assert TRANSFER.to_json()["evidence"] is None


def test_evidence_alone_stands_beside_models_whose_evidence_knows_the_clock() -> None:
    run = replace(TRANSFER, diagnostics={"evidence": evidence()})
    assert evidence_beside(run) == "Evidence"
    assert evidence_beside(replace(run, model="Evidence")) is None
    assert evidence_beside(TRANSFER) is None


def test_evidence_alone_is_no_variant_of_the_model_beside_it() -> None:
    def run(model: str, variant: str, n_found: int) -> RunResult:
        ranks = (np.arange(200) < n_found).astype(np.int64)
        of_variant = result([1] * 200, model=model, variant=variant)
        return replace(of_variant, valid_targets=of_variant.targets, valid_ranks=ranks)

    runs = [run("MetaRec", "transfer", 120), run("MetaRec", "scratch", 100), run("Evidence", "transfer", 180)]
    for asked in ("auto", "transfer"):
        delivery = deliver(runs, "NDCG@10", asked)
        assert delivery is not None
        assert delivery.run is runs[0]
    scratch = replace(runs[1], source_datasets=[])
    assert "transfer over scratch" not in run_report([scratch, runs[2]], samples=300)
