"""Losses of whole short trainings, epoch by epoch: what is to be faster must learn the same.

A change that means to change results changes these numbers, and says so in CHANGELOG.md. Print new ones with
``python tests/trainer/test_golden.py``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))
import planted
import torch
from recbole.data import data_preparation

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.models.metarec.model import MetaRec
from recbole_metarec.models.metarec.trainer import MetaRecTrainer

CASES: dict[str, dict[str, Any]] = {
    "full softmax": {},
    "positions from the end": {"positions": "end"},
    "sampled softmax": {"softmax": "sampled", "n_negatives": 8},
    "second order": {"second_order": True, "inner_steps": 2, "sources_per_step": 2},
    "moving averages": {"codebook_update": "moving_average", "quantizer_residual": False},
}
GOLDEN: dict[str, list[float]] = {
    "full softmax": [3.1456, 3.0366, 2.957, 2.9209, 2.8353, 2.7592],
    "positions from the end": [3.1377, 3.0423, 2.9624, 2.9219, 2.8334, 2.7526],
    "sampled softmax": [1.9263, 2.0965, 1.9805, 2.1374, 1.8742, 1.9388],
    "second order": [3.1388, 3.0293, 2.9419, 2.8903, 2.7956, 2.7146],
    "moving averages": [3.1914, 3.1449, 3.1077, 3.0911, 3.0065, 2.9194],
}


def losses(root: Path, **changes: Any) -> list[float]:
    """Train for a few epochs of each phase, without dropout."""
    short = {"warmup_epochs": 1, "meta_epochs": 3, "epochs": 6, "train_batch_size": 16, "hidden_dropout_prob": 0.0}
    config = PluginConfig("MetaRec", planted.TARGET, planted.settings(root, **{**short, **changes}))
    torch.manual_seed(0)
    train_data, valid_data, _ = data_preparation(config, DomainDataset(config))
    trainer = MetaRecTrainer(config, MetaRec(config, train_data._dataset))
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    return [trainer.train_loss_dict[epoch] for epoch in sorted(trainer.train_loss_dict)]


@pytest.mark.parametrize("case", CASES)
def test_losses_are_what_they_were(suite: Path, case: str) -> None:
    assert losses(suite, **CASES[case]) == pytest.approx(GOLDEN[case], rel=1e-3)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    planted.write_suite(folder)
    for name, settings in CASES.items():
        print(f"    {name!r}: {[round(loss, 4) for loss in losses(folder, **settings)]},")
