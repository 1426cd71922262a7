"""The settings of evidence as a model."""

from __future__ import annotations

from recbole_metarec.models.memory.settings import MemorySettings


class EvidenceModelSettings(MemorySettings):
    """All settings that evidence alone reads; the weight of a memory has no part in it."""
