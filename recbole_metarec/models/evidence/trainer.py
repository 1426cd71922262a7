"""Learning of evidence alone: of its weights."""

from __future__ import annotations

from recbole_metarec.models.memory.trainer import MemoryTrainer


class EvidenceTrainer(MemoryTrainer):
    """RecBole trainer of `Evidence`: no epoch is run; weights are learnt when training would have ended."""
