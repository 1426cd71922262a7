"""Transfer where the right answer is known."""

from __future__ import annotations

from pathlib import Path

import planted
import pytest

from recbole_metarec.runs.delivery import deliver
from recbole_metarec.runs.report import changes
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import run


@pytest.fixture(scope="module")
def runs(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> list[RunResult]:
    folder = tmp_path_factory.mktemp("runs")
    return run(planted.settings(suite, checkpoint_dir=str(folder)))


def test_transfer_beats_scratch_beyond_chance(runs: list[RunResult]) -> None:
    transfer, scratch, _, memory = runs
    assert [run.variant for run in runs] == ["transfer", "scratch", "ensemble", None]
    for control in (scratch, memory):
        assert changes(transfer, control, samples=1000)["ndcg@10"].low > 0.1


def test_what_helps_is_to_be_used(runs: list[RunResult]) -> None:
    delivery = deliver(runs, "NDCG@10", "auto")
    assert delivery is not None
    assert delivery.run.variant in ("transfer", "ensemble")
    assert delivery.run.test["ndcg@10"] >= runs[0].test["ndcg@10"]


def test_the_hostile_source_weighs_least(runs: list[RunResult]) -> None:
    weights = runs[0].diagnostics["source_weights"]
    assert weights is not None
    assert min(weights, key=weights.__getitem__) == planted.HOSTILE
    assert sum(weights.values()) == pytest.approx(1, abs=1e-5)


def test_scratch_has_no_sources(runs: list[RunResult]) -> None:
    assert runs[1].source_datasets == []
    assert runs[1].diagnostics["source_weights"] is None
