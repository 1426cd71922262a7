"""Training of models that learn nothing themselves: the choice of what is joined, on validation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from recbole_metarec.bridge import checkpoint
from recbole_metarec.bridge.trainer import DomainTrainer, Result
from recbole_metarec.models.untrained.model import Ensemble


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


class EnsembleTrainer(MemoryTrainer):
    """RecBole trainer of `Ensemble`: its members come from the checkpoints that ``member_files`` names."""

    model: Ensemble

    def begin(self, train_data: Any, show_progress: bool) -> None:
        """Load the members."""
        for member, file in zip(self.model.members, self.config["member_files"], strict=True):
            member.load_state_dict(checkpoint.load(Path(file), self.device)["state_dict"])
