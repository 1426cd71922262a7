"""Checkpoints that were written by version 0.1.0, of the planted domains, load, give what they gave, and go on."""

from __future__ import annotations

import lzma
from pathlib import Path

import planted
import pytest
import torch
from recbole.quick_start import load_data_and_model
from recbole.utils import get_trainer

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.runs.prepare import prepare

FOLDER = Path(__file__).parent / "checkpoints"
TEST_METRICS = {
    "MetaRec": {"recall@10": 0.783333, "ndcg@10": 0.406687, "mrr@10": 0.288003, "hit@10": 0.783333},
    "ANT": {"recall@10": 0.075, "ndcg@10": 0.026144, "mrr@10": 0.011905, "hit@10": 0.075},
}


def unpacked(model: str, data: Path, folder: Path) -> Path:
    """Write the checkpoint of a model, its data being where ``data`` is."""
    with lzma.open(FOLDER / f"{model}.pth.xz") as file:
        state = torch.load(file, weights_only=True)
    state["config"] |= {"data_path": str(data), "checkpoint_dir": str(folder), "state": "ERROR"}
    torch.save(state, folder / "old.pth")
    return folder / "old.pth"


@pytest.mark.parametrize("model", TEST_METRICS)
def test_an_old_checkpoint_gives_what_it_gave(model: str, suite: Path, tmp_path: Path) -> None:
    if model == "ANT":
        suite = tmp_path / "featured"
        planted.write_featured_suite(suite)
    config, loaded, _, _, _, test_data = load_data_and_model(unpacked(model, suite, tmp_path))
    trainer = get_trainer(config["MODEL_TYPE"], model)(config, loaded)
    assert trainer.evaluate(test_data, load_best_model=False) == TEST_METRICS[model]


def test_a_run_goes_on_from_an_old_checkpoint(suite: Path, tmp_path: Path) -> None:
    path = unpacked("MetaRec", suite, tmp_path)
    settings = {**torch.load(path, weights_only=True)["config"], "epochs": 2}
    trainer, train_data, valid_data, _ = prepare(PluginConfig("MetaRec", planted.TARGET, settings))
    trainer.resume_checkpoint(path)
    trainer.fit(train_data, valid_data)
    assert list(trainer.train_loss_dict) == [1]
