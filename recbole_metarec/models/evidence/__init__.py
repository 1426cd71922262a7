"""Evidence alone, with a clock all that knows it: the counts are the target's, their weights may come from sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_metarec.models.memory import SPEC as MEMORY
from recbole_metarec.models.spec import ModelSpec, has_sources


def _learns_from_sources(settings: Mapping[str, Any]) -> bool:
    taught = settings.get("evidence_weights") in (None, "auto", "sources")
    return has_sources(settings) and (taught or settings.get("shared_items") == "evidence")


SPEC = ModelSpec(
    name="Evidence",
    model="recbole_metarec.models.evidence.model:Evidence",
    trainer="recbole_metarec.models.evidence.trainer:EvidenceTrainer",
    settings=MEMORY.settings,
    scratch={"source_datasets": []},
    transfers=_learns_from_sources,
    variants={
        "zero-shot": {"evidence_weights": "sources"},
        "memory": {"evidence_weights": "memory"},
        "merged": {"shared_items": "evidence"},
    },
    baseline=MEMORY.name,
    is_combined=False,
    unread=("memory_weight",),
)
