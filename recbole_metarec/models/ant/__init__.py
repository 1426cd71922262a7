"""ANT (arXiv 2309.10195): item vectors from texts, images and prices, adapted to the target by re-learning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recbole_metarec.lazy import load_object
from recbole_metarec.models.ant.settings import CORE_KEYS, ANTSettings
from recbole_metarec.models.memory import SPEC as MEMORY
from recbole_metarec.models.spec import ModelSpec


def _has_core(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("source_datasets") or settings.get("pretrained")) and settings.get("adapt") != "scratch"


def _reads_features(settings: Mapping[str, Any]) -> bool:
    return True


def _core_can_be_read(settings: Mapping[str, Any]) -> Iterator[str]:
    yield from load_object("recbole_metarec.models.ant.checks:core_problems")(settings)


SPEC = ModelSpec(
    name="ANT",
    model="recbole_metarec.models.ant.model:ANT",
    trainer="recbole_metarec.models.ant.trainer:ANTTrainer",
    settings=ANTSettings,
    scratch={"source_datasets": [], "adapt": "scratch", "pretrained": None},
    transfers=_has_core,
    variants={name: {"adapt": name} for name in ("relearn", "finetune", "frozen")},
    presets={"paper": "model/ANT-paper.yaml"},
    checks=((("pretrained", "adapt", "source_datasets", "init_from", *CORE_KEYS), _core_can_be_read),),
    reads_features=_reads_features,
    sharing="recbole_metarec.models.ant.core_file:sharing",
    baseline=MEMORY.name,
    item_table="item_embedding.weight",
)
