"""Training of the memory alone: the choice of what is joined, on validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from recbole_metarec.bridge.trainer import DomainTrainer, Result


class MemoryTrainer(DomainTrainer):
    """RecBole trainer of `Memory`: no epoch is run."""

    def begin(self, train_data: Any, show_progress: bool) -> None:
        """See `DomainTrainer`."""

    def run_epochs(self, train_data: Any, valid_data: Any, verbose: bool, show_progress: bool, told: Any) -> Result:
        """Run none, and write the checkpoint."""
        self.eval_collector.data_collect(train_data)
        self._save_checkpoint(0, verbose)
        return self.best_valid_score, None

    def _build_optimizer(self, **options: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD([torch.zeros((), requires_grad=True)])

    def training_state(self) -> dict[str, Any]:
        """See `DomainTrainer`."""
        return {}

    def restore_training(self, state: Mapping[str, Any]) -> None:
        """See `DomainTrainer`."""
