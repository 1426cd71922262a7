"""MetaRec (arXiv 2411.01785): meta transfer from several sources into a shared, quantized space of items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recbole_metarec.models.memory import SPEC as MEMORY
from recbole_metarec.models.metarec.settings import MetaRecSettings
from recbole_metarec.models.spec import ModelSpec, has_sources

_FINETUNE = {"meta_epochs": 10}


def _reads_features(settings: Mapping[str, Any]) -> bool:
    return settings["item_features"] is True


def _freezing_makes_sense(settings: Mapping[str, Any]) -> Iterator[str]:
    if not settings["freeze"] or not settings["source_datasets"]:
        return
    if settings["meta_epochs"] is None:
        yield "--freeze=True: is for fine-tuning, which there is none of; set meta_epochs to a number, such as 10"
    elif not settings["warmup_epochs"] and not settings["meta_epochs"]:
        yield "--freeze=True: shared parameters learn nothing without warmup_epochs or meta_epochs; set one above 0"


SPEC = ModelSpec(
    name="MetaRec",
    model="recbole_metarec.models.metarec.model:MetaRec",
    trainer="recbole_metarec.models.metarec.trainer:MetaRecTrainer",
    settings=MetaRecSettings,
    scratch={"source_datasets": []},
    transfers=has_sources,
    variants={
        "joint": {"meta_epochs": 0},
        "maml": {"temperature": float("inf"), "source_share": 0},
        "finetune": _FINETUNE,
        "frozen": {**_FINETUNE, "freeze": True},
    },
    presets={"paper": "model/MetaRec-paper.yaml"},
    checks=((("freeze", "source_datasets", "warmup_epochs", "meta_epochs"), _freezing_makes_sense),),
    reads_features=_reads_features,
    baseline=MEMORY.name,
    item_table="item_embedding.weight",
    diagnostics="recbole_metarec.models.metarec.trainer:diagnostics",
)
