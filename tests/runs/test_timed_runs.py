"""Runs on domains that know the clock: evidence alone and beside a model, from both protocols to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timed
import torch
from recbole.data.interaction import Interaction
from recbole.quick_start import load_data_and_model
from recbole.utils import get_trainer

from recbole_metarec.evidence.kinds import CONTEXT, KINDS
from recbole_metarec.evidence.weighing import memory_weights
from recbole_metarec.runs.report import run_report
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import run

SPLITS: dict[str, Any] = {"leave one out": {"LS": "valid_and_test"}, "time": {"time": [0.7, 0.85]}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("timed")
    for seed, name in enumerate(("target", "source")):
        timed.write(folder, timed.draw_lines(seed, n_users=120), name=name)
    return folder


def settings(root: Path, split: str, **changes: Any) -> dict[str, Any]:
    return {
        "model": "Evidence",
        "dataset": "target",
        "source_datasets": ["source"],
        "data_path": str(root),
        "checkpoint_dir": str(root / "saved"),
        "eval_args": {"split": SPLITS[split], "order": "TO", "mode": "full"},
        "known_items": True,
        "gpu_id": "",
        "show_progress": False,
        "state": "ERROR",
        "evidence_rows": 300,
        **changes,
    }


def quick(root: Path, split: str, **changes: Any) -> dict[str, Any]:
    small = {"hidden_size": 16, "inner_size": 16, "n_layers": 1, "epochs": 2, "warmup_epochs": 1, "meta_epochs": 1}
    return settings(root, split, model="MetaRec", **{**small, **changes})


def weights_of(result: RunResult) -> torch.Tensor:
    return torch.tensor(result.diagnostics["evidence"]["weights"])


@pytest.mark.parametrize("split", SPLITS)
def test_evidence_is_run_with_sources_from_scratch_and_beside_the_memory(root: Path, split: str) -> None:
    transfer, scratch, memory = run(settings(root, split))
    assert [each.model for each in (transfer, scratch, memory)] == ["Evidence", "Evidence", "Memory"]
    assert transfer.diagnostics["evidence"]["sources"].keys() == {"source"}
    assert scratch.diagnostics["evidence"]["sources"] in (None, {})
    assert weights_of(transfer).shape == (len(KINDS), len(CONTEXT))
    assert transfer.memory_weight is None
    assert "source" in run_report([transfer, scratch, memory], samples=200)


def test_without_anything_learnt_weights_are_those_of_sources_or_of_nobody(root: Path) -> None:
    zero_shot, _, _ = run(settings(root, "time", evidence_weights="sources"))
    assert zero_shot.diagnostics["evidence"]["n_rows"] == 0
    assert not torch.equal(weights_of(zero_shot), memory_weights())
    unlearnt, *_ = run(settings(root, "time", evidence_weights="memory"))
    assert torch.equal(weights_of(unlearnt), memory_weights())
    assert unlearnt.source_datasets == []


@pytest.mark.parametrize("split", SPLITS)
def test_a_model_is_joined_with_evidence_and_run_beside_it(root: Path, split: str) -> None:
    runs = run(quick(root, split))
    assert [each.model for each in runs] == [*["MetaRec"] * 3, "Evidence", "Memory"]
    assert [each.variant for each in runs[:3]] == ["transfer", "scratch", "ensemble"]
    for each in runs[:3]:
        assert weights_of(each).shape == (len(KINDS) + 1, len(CONTEXT))
        config, model, _, _, valid_data, test_data = load_data_and_model(str(each.checkpoint))
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
        assert trainer.evaluate(test_data, load_best_model=False) == pytest.approx(each.test)
        assert trainer.evaluate(valid_data, load_best_model=False) == pytest.approx(each.valid)


def test_rows_are_ranked_alike_one_by_one_and_all_together(root: Path) -> None:
    result, *_ = run(quick(root, "time", scratch_control=False, mask_history=True, metrics=["NDCG", "Hit"]))
    _, model, _, _, _, test_data = load_data_and_model(str(result.checkpoint))
    model.eval()
    dataset = test_data._dataset
    rows = dataset[np.arange(len(dataset))]
    with torch.no_grad():
        scores = model.full_sort_predict(rows.to(model.device))
        single = torch.cat([model.predict(dataset[np.arange(n, n + 1)].to(model.device)) for n in range(5)])
    torch.testing.assert_close(single, scores[torch.arange(5), rows["item_id"][:5]], atol=1e-4, rtol=1e-4)
    assert scores[:, 1:].isfinite().any(1).all()


def test_frozen_evidence_ends_with_the_training_part(root: Path) -> None:
    online, *_ = run(settings(root, "time"))
    frozen, *_ = run(settings(root, "time", evidence_frozen=True))
    assert online.test != frozen.test
    assert online.targets.users.tolist() == frozen.targets.users.tolist()


def test_rows_without_a_place_in_the_data_ask_on_the_last_day_s_morrow(root: Path) -> None:
    result, *_ = run(settings(root, "leave one out"))
    _, model, dataset, *_ = load_data_and_model(str(result.checkpoint))
    sequences = torch.tensor([[3, 5, 1, 0], [2, 0, 0, 0]])
    rows = {model.ITEM_SEQ: sequences, model.ITEM_SEQ_LEN: torch.tensor([3, 1])}
    scores = model.eval().full_sort_predict(Interaction(rows))
    assert scores.shape == (2, dataset.item_num)
    assert scores[:, 0].isneginf().all()
    assert scores[:, 1:].isfinite().any(1).all()


def test_days_that_are_few_leave_the_memory(root: Path, tmp_path: Path) -> None:
    lines = [line._replace(second=timed.START + line.second % 86_400) for line in timed.draw_lines(0)]
    timed.write(tmp_path, lines, name="target")
    result, memory = run(settings(tmp_path, "leave one out", source_datasets=[], known_items=False))
    assert "evidence" not in result.diagnostics
    assert result.test == memory.test
