"""Popularity by the number of interactions."""

from __future__ import annotations

from functools import wraps
from typing import Any

import torch
from recbole.config import Config
from recbole.data.interaction import Interaction
from recbole.model.general_recommender.pop import Pop
from torch import Tensor

_stock_init = Pop.__init__


@wraps(_stock_init)
def _init(self: Pop, config: Config, dataset: Any) -> None:
    _stock_init(self, config, dataset)
    self.label_field = config["LABEL_FIELD"]


@wraps(Pop.calculate_loss)
def _calculate_loss(self: Pop, interaction: Interaction) -> Tensor:
    """Count the items of a batch as often as they come, sampled negatives left out."""
    items = interaction[self.ITEM_ID]
    if self.label_field in interaction:
        items = items[interaction[self.label_field] > 0]
    self.item_cnt.index_add_(0, items, torch.ones_like(self.item_cnt[items]))
    self.max_cnt = self.item_cnt.max(dim=0)[0]
    return torch.nn.Parameter(torch.zeros(1, device=items.device))


def apply() -> None:
    """Replace both methods."""
    Pop.__init__, Pop.calculate_loss = _init, _calculate_loss
