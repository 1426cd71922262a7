"""Training of the memory alone: the choice of what is joined, on validation."""

from __future__ import annotations

from typing import Any

import torch

from recbole_metarec.bridge.trainer import DomainTrainer
from recbole_metarec.training.schedule import Schedule


class MemoryTrainer(DomainTrainer):
    """RecBole trainer of `Memory`: no epoch is run."""

    def begin(self, train_data: Any, show_progress: bool) -> Schedule:
        """See `DomainTrainer`."""
        return Schedule()

    def _build_optimizer(self, **options: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD([torch.zeros((), requires_grad=True)])

    def training_state(self) -> dict[str, Any]:
        """See `DomainTrainer`."""
        return {}
