"""What is compared: targets with their sources, and models with their settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from recbole_metarec.models import SPECS


class Suite(NamedTuple):
    """A target and its sources.

    Attributes
    ----------
    target : str
        Name of the dataset.
    sources : tuple of str
        Names of datasets.
    borrows : str or None
        The suite whose cores it takes up, in place of pre-training its own.
    """

    target: str
    sources: tuple[str, ...]
    borrows: str | None = None


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
    core : str or None
        Name of the pre-trained core of a suite and seed that it shares with other variants.
    """

    title: str
    model: str = "MetaRec"
    settings: Mapping[str, Any] = MappingProxyType({})
    transfers: bool = False
    hostile: bool = False
    core: str | None = None


_SCIENTIFIC_SOURCES = (
    "amazon-video-games-18",
    "amazon-arts-crafts-sewing-18",
    "amazon-beauty",
    "amazon-toys-games",
    "amazon-sports-outdoors",
)

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
    "scientific": Suite("amazon-industrial-scientific-18", _SCIENTIFIC_SOURCES),
    "scientific-image": Suite("amazon-industrial-scientific-18-image", _SCIENTIFIC_SOURCES, borrows="scientific"),
    "electronics": Suite(
        "amazon-electronics-23",
        (
            "amazon-beauty",
            "amazon-toys-games",
            "amazon-sports-outdoors",
            "amazon-industrial-scientific-18",
            "amazon-video-games-18",
        ),
        borrows="scientific",
    ),
}

OF_COMPARISONS = SPECS["MetaRec"].every_variant()
RECBOLE = ("SASRec", "GRU4Rec", "BERT4Rec", "LightSANs", "CORE")
NO_MEMORY = {"memory_weight": 0, "repeat_items": True}

# RecBole's models that read items' titles
TITLES = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "title"]},
    "selected_features": ["title"],
    "pooling_mode": "mean",
}
# Words have one space in all domains if the adapter is taken over, so that there are two cores.
RELEARNT = {"model": "ANT", "transfers": True, "core": "relearn"}
TAKEN_OVER = {"model": "ANT", "transfers": True, "core": "shared-space"}

VARIANTS = {
    "metarec": Variant("MetaRec", transfers=True),
    "hostile": Variant("MetaRec, one more source in random order", transfers=True, hostile=True),
    "joint": Variant("pre-training on the sources, then fine-tuning", settings=OF_COMPARISONS["joint"], transfers=True),
    "maml": Variant(
        "plain MAML: equal weights, target gradients alone",
        settings={"temperature": 1e9, "source_share": 0},
        transfers=True,
    ),
    "finetune": Variant("MetaRec, then fine-tuning", settings=OF_COMPARISONS["finetune"], transfers=True),
    "frozen": Variant(
        "MetaRec, then fine-tuning of the item embeddings alone",
        settings=OF_COMPARISONS["frozen"],
        transfers=True,
    ),
    "no-quantizer": Variant("MetaRec without quantizer", settings={"quantizer": False}, transfers=True),
    "no-memory": Variant("MetaRec without memory", settings=NO_MEMORY, transfers=True),
    "features": Variant("MetaRec with item features", settings={"item_features": True}, transfers=True),
    "scratch": Variant("scratch"),
    "memory": Variant("the memory alone", "Memory"),
    "scratch-features": Variant("scratch with item features", settings={"item_features": True}),
    "scratch-no-quantizer": Variant("scratch without quantizer", settings={"quantizer": False}),
    "scratch-no-memory": Variant("scratch without memory", settings=NO_MEMORY),
    "scratch-plain": Variant("scratch without either", settings={"quantizer": False, **NO_MEMORY}),
    "ant": Variant("ANT, re-learning", **RELEARNT),
    "ant-finetune": Variant("ANT, fine-tuning", settings={"adapt": "finetune"}, **TAKEN_OVER),
    "ant-frozen": Variant("ANT, all frozen but items' embeddings", settings={"adapt": "frozen"}, **TAKEN_OVER),
    "ant-zero-shot": Variant(
        "ANT, all frozen, inductive", settings={"adapt": "frozen", "transductive": False}, **TAKEN_OVER
    ),
    "ant-no-memory": Variant("ANT, re-learning, without memory", settings=NO_MEMORY, **RELEARNT),
    "ant-inductive": Variant("ANT, re-learning, inductive", settings={"transductive": False}, **RELEARNT),
    "ant-scratch": Variant("ANT, scratch", "ANT"),
    "ant-scratch-no-memory": Variant("ANT, scratch, without memory", "ANT", NO_MEMORY),
    "ant-scratch-inductive": Variant("ANT, scratch, inductive", "ANT", {"transductive": False}),
    "ant-scratch-mixture": Variant("ANT, scratch, eight experts", "ANT", {"n_experts": 8}),
    "ant-scratch-no-text": Variant("ANT, scratch, without text", "ANT", {"modalities": ["image", "price"]}),
    "ant-scratch-no-image": Variant("ANT, scratch, without images", "ANT", {"modalities": ["text", "price"]}),
    "ant-scratch-no-price": Variant("ANT, scratch, without prices", "ANT", {"modalities": ["text", "image"]}),
    "ant-scratch-no-fusion": Variant("ANT, scratch, without fusion", "ANT", {"fusion_weight": 0}),
    **{name.lower(): Variant(f"RecBole {name}", name) for name in RECBOLE},
    "sasrecf": Variant("RecBole SASRecF, titles", "SASRecF", TITLES),
    "fdsa": Variant("RecBole FDSA, titles", "FDSA", TITLES),
}
