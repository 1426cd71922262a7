"""A backbone from outside the package: one class, and its name in a table."""

from __future__ import annotations

from pathlib import Path

import planted
import pytest
import torch
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.errors import UserError
from recbole_metarec.nn.backbones import BACKBONES, Backbone
from recbole_metarec.runs.run import run, run_one
from recbole_metarec.settings.backbone import BackboneSettings


class MeanBackbone(Backbone):
    """The mean of all items so far, mapped once."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, width)

    @classmethod
    def from_settings(cls, settings: BackboneSettings) -> Self:
        return cls(settings.hidden_size)

    def forward(self, x_BLD: Tensor, length_B: Tensor | None = None, *, twice_differentiable: bool = False) -> Tensor:
        counts_L1 = torch.arange(1, x_BLD.shape[1] + 1, device=x_BLD.device)[:, None]
        mapped: Tensor = self.out(x_BLD.cumsum(1) / counts_L1)
        return mapped


@pytest.mark.parametrize("write", ["MetaRec", "ANT"])
def test_a_backbone_is_a_class_in_a_table(
    write: str, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKBONES, "mean", MeanBackbone)
    if write == "MetaRec":
        settings = planted.settings(suite, backbone="mean", warmup_epochs=1, epochs=2, meta_epochs=1)
    else:
        planted.write_featured_suite(tmp_path, target_users=20, source_users=40)
        settings = planted.featured_settings(tmp_path, backbone="mean", epochs=2, pretrain_epochs=1)
    result = run_one(settings)
    assert result.epochs == 2
    assert result.test["ndcg@10"] > 0


def test_the_message_lists_it(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "mean", MeanBackbone)
    with pytest.raises(UserError, match="--backbone=median: must be one of transformer, gru, lru, mean"):
        run(planted.settings(suite, backbone="median"))
