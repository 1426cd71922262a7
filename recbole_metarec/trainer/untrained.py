"""Training of models that learn nothing themselves: the choice of what is joined, on validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from recbole_metarec import checkpoint
from recbole_metarec.model.untrained import Ensemble
from recbole_metarec.trainer.domain import DomainTrainer, Result


class MemoryTrainer(DomainTrainer):
    """RecBole trainer of `Memory`: no epoch is run."""

    def begin(self, train_data: Any, show_progress: bool) -> None:
        """See `DomainTrainer`."""

    def fit(
        self,
        train_data: Any,
        valid_data: Any = None,
        verbose: bool = True,
        saved: bool = True,
        show_progress: bool = False,
        callback_fn: Callable[[int, float], None] | None = None,
    ) -> Result:
        """Choose the weights of what is joined; see `DomainTrainer.fit`."""
        self.begin(train_data, show_progress)
        self.eval_collector.data_collect(train_data)
        with self._kept(saved):
            self._save_checkpoint(0, verbose)
            return self._join_prior(valid_data or None, (self.best_valid_score, None))

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
