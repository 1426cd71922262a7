"""What is compared: targets with their sources, and models with their settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Suite(NamedTuple):
    """A target and its sources."""

    target: str
    sources: tuple[str, ...]


class Variant(NamedTuple):
    """A model and how it is trained.

    Attributes
    ----------
    title : str
        What a table calls it.
    model : str
        RecBole's name of it.
    settings : mapping
        Beside the defaults.
    transfers : bool
        Whether it sees the suite's sources.
    hostile : bool
        Whether one more source is added, whose items stand in random order.
    """

    title: str
    model: str = "MetaRec"
    settings: Mapping[str, Any] = MappingProxyType({})
    transfers: bool = False
    hostile: bool = False


SUITES = {
    "office": Suite(
        "amazon-office-products",
        (
            "amazon-baby",
            "amazon-tools-home-improvement",
            "amazon-cell-phones-accessories",
            "amazon-health-personal-care",
        ),
    ),
    "beauty": Suite(
        "amazon-beauty",
        (
            "amazon-health-personal-care",
            "amazon-baby",
            "amazon-home-kitchen",
            "amazon-toys-games",
            "amazon-sports-outdoors",
        ),
    ),
    "toys": Suite(
        "amazon-toys-games", ("amazon-baby", "amazon-sports-outdoors", "amazon-home-kitchen", "amazon-beauty")
    ),
    "scientific": Suite(
        "amazon-industrial-scientific-18",
        (
            "amazon-video-games-18",
            "amazon-arts-crafts-sewing-18",
            "amazon-beauty",
            "amazon-toys-games",
            "amazon-sports-outdoors",
        ),
    ),
}

RECBOLE = ("SASRec", "GRU4Rec", "BERT4Rec", "LightSANs", "CORE")
NO_MEMORY = {"memory_weight": 0, "repeat_items": True}

VARIANTS = {
    "metarec": Variant("MetaRec", transfers=True),
    "hostile": Variant("MetaRec, one more source in random order", transfers=True, hostile=True),
    "joint": Variant("pre-training on the sources, then fine-tuning", settings={"meta_epochs": 0}, transfers=True),
    "maml": Variant(
        "plain MAML: equal weights, target gradients alone",
        settings={"temperature": 1e9, "source_share": 0},
        transfers=True,
    ),
    "no-quantizer": Variant("MetaRec without quantizer", settings={"quantizer": False}, transfers=True),
    "no-memory": Variant("MetaRec without memory", settings=NO_MEMORY, transfers=True),
    "scratch": Variant("scratch"),
    "scratch-no-quantizer": Variant("scratch without quantizer", settings={"quantizer": False}),
    "scratch-no-memory": Variant("scratch without memory", settings=NO_MEMORY),
    "scratch-plain": Variant("scratch without either", settings={"quantizer": False, **NO_MEMORY}),
    **{name.lower(): Variant(f"RecBole {name}", name) for name in RECBOLE},
}
