"""The members of an ensemble, and the choice of what is joined to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_metarec.domains.domain import Domain
from recbole_metarec.inference.section import SourceItems
from recbole_metarec.models.ensemble.model import Ensemble
from recbole_metarec.models.memory.trainer import MemoryTrainer
from recbole_metarec.training import checkpoint
from recbole_metarec.training.schedule import Schedule


class EnsembleTrainer(MemoryTrainer):
    """RecBole trainer of `Ensemble`: its members come from the checkpoints that ``member_files`` names."""

    model: Ensemble

    def begin(self, train_data: Any, show_progress: bool) -> Schedule:
        """Load the members."""
        for member, file in zip(self.model.members, self.config["member_files"], strict=True):
            member.load_state_dict(checkpoint.load(Path(file), self.device)["state_dict"])
        return Schedule()

    def source_items(self, state: Mapping[str, Any]) -> dict[str, SourceItems]:
        """Return those of the members, each in its member's columns; of several with one source the first counts."""
        found: dict[str, SourceItems] = {}
        begin = 0
        for width, file in zip(self.model.widths, self.config["member_files"], strict=True):
            kept = checkpoint.load(Path(file)).get("inference", {}).get("sources", {})
            for name, items in kept.items():
                found.setdefault(name, SourceItems(items["ids"], items["vectors"], begin))
            begin += width
        return found

    def sources(self, target: Domain) -> Sequence[Domain]:
        """Return none: what they teach is in the members."""
        return ()
