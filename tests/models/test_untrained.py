"""The memory alone, and ensembles: scores by hand, and what their checkpoints give back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planted
import pytest
import torch
from contract import ScoringContract
from recbole.quick_start import load_data_and_model
from recbole.utils import get_trainer

from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evidence.weights import EvidenceWeights
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import run

QUICK = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 2}


class TestMemory(ScoringContract):
    model = "Memory"

    @classmethod
    def settings(cls, root: Path, folder: Path) -> dict[str, Any]:
        settings = planted.settings(root, checkpoint_dir=str(folder), model="Memory")
        keys = ("model", "dataset", "data_path", "gpu_id", "show_progress", "state", "seed", "checkpoint_dir")
        return {key: settings[key] for key in keys}

    def test_scores_are_the_memorys_log_probabilities(self, trained: Any) -> None:
        model, rows = self._rows(trained)
        model.evidence.weights = model.evidence.weights._replace(repeat_penalty=0.0)
        expected = model.evidence.memory(rows[model.ITEM_SEQ], rows[model.ITEM_SEQ_LEN])
        torch.testing.assert_close(model.full_sort_predict(rows), expected)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunResult]:
    root = tmp_path_factory.mktemp("ensemble")
    planted.write_suite(root, target_users=24, source_users=40)
    return run(planted.settings(root, **QUICK, checkpoint_dir=str(root)))


def test_a_memory_of_any_weight_alone_is_the_memory(runs: list[RunResult]) -> None:
    """What is learnt has no part in the scores where the memory's weight is infinite."""
    (_, of_memory, *_), (_, of_scratch, *_) = (load_data_and_model(str(runs[place].checkpoint)) for place in (3, 1))
    rows = load_data_and_model(str(runs[3].checkpoint))[5]._dataset[torch.arange(8).numpy()]
    of_scratch.evidence.weights = of_memory.evidence.weights
    assert of_memory.memory_weight == float("inf")
    torch.testing.assert_close(of_scratch.eval().full_sort_predict(rows), of_memory.eval().full_sort_predict(rows))


def test_an_ensembles_scores_are_the_mean_of_its_members_and_the_memory_once(runs: list[RunResult]) -> None:
    loaded = [load_data_and_model(str(result.checkpoint)) for result in runs[:3]]
    rows = loaded[0][5]._dataset[torch.arange(8).numpy()]
    transfer, scratch, ensemble = (model.eval() for _, model, *_ in loaded)
    for model in (transfer, scratch, ensemble):
        model.evidence.weights = EvidenceWeights(0.0, 0.0)
    mean = (transfer.full_sort_predict(rows) + scratch.full_sort_predict(rows)) / 2
    torch.testing.assert_close(ensemble.full_sort_predict(rows), mean)
    ensemble.evidence.weights = EvidenceWeights(2.0, 0.0)
    known = ensemble.evidence.memory(rows[ensemble.ITEM_SEQ], rows[ensemble.ITEM_SEQ_LEN])
    torch.testing.assert_close(ensemble.full_sort_predict(rows), mean + 2 * known)


def test_a_checkpoint_gives_the_tested_ensemble_back(runs: list[RunResult]) -> None:
    result = runs[2]
    config, model, _, _, valid_data, test_data = load_data_and_model(str(result.checkpoint))
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    assert trainer.evaluate(test_data, load_best_model=False) == pytest.approx(result.test)
    assert trainer.evaluate(valid_data, load_best_model=False) == pytest.approx(result.valid)


def test_validation_ranks_are_those_of_the_metrics(runs: list[RunResult]) -> None:
    for result in runs:
        assert result.valid_ranks is not None
        mean = metric_of_ranks("ndcg@10", result.valid_ranks).mean()
        assert mean == pytest.approx(result.valid["ndcg@10"], abs=1e-6)
