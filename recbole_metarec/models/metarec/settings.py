"""The settings of MetaRec (arXiv 2411.01785), of which the paper's text leaves most open."""

from __future__ import annotations

from typing import Literal

from recbole_metarec.settings.backbone import BackboneSettings
from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.settings.features import AdapterSettings, FeatureSettings
from recbole_metarec.settings.kinds import Count, Whole
from recbole_metarec.settings.optimizer import OptimizerSettings
from recbole_metarec.settings.quantizer import QuantizerSettings
from recbole_metarec.settings.softmax import SoftmaxSettings
from recbole_metarec.settings.suite import SuiteSettings
from recbole_metarec.settings.transfer import TransferSettings


class ItemSettings(Settings):
    """What item embeddings start from and what is added to them."""

    group = "Items"

    item_features: bool = option(
        False,
        "Add what an adapter, shared by all domains, makes of texts, images and prices to item embeddings; see "
        "overall.yaml.",
        "Ours",
    )
    item_init: Literal["normal", "cooccurrence"] = option(
        "normal",
        "normal | cooccurrence: random, or from the spectrum of the domain's own co-occurrence (Levy and Goldberg "
        "2014).",
        "Ours",
    )
    item_init_reach: Count = option(3, "Largest distance of two items that co-occur.", "Ours")


class ScheduleSettings(Settings):
    """Warm-up on the sources, meta transfer, fine-tuning."""

    group = "Schedule"

    warmup_epochs: Whole = option(3, "Epochs of joint training on the sources alone.", "Ours")
    meta_epochs: Whole | None = option(
        None,
        "Of the epochs on the target, how many are meta transfer; the rest fine-tune. ~: all of them, until validation "
        "stops improving.",
        "Ours; see docs/results/transfer.md",
    )
    freeze: bool = option(
        False,
        "Leave the shared parameters as warm-up and meta transfer made them: fine-tuning then is of the target's item "
        "embeddings alone.",
        "Ours",
    )


class MetaRecSettings(
    TransferSettings,
    ScheduleSettings,
    OptimizerSettings,
    SoftmaxSettings,
    QuantizerSettings,
    ItemSettings,
    BackboneSettings,
    AdapterSettings,
    FeatureSettings,
    EvidenceSettings,
    SuiteSettings,
):
    """All settings that MetaRec reads."""

    stopping_step: Whole = option(
        10,
        "Evaluations without improvement before training stops. With sources or without, those of the first "
        "meta_epochs do not count, nor without that number in as many first epochs.",
        "LRURec",
    )
