"""The settings of ANT (arXiv 2309.10195), after its published code."""

from __future__ import annotations

from typing import Literal

from recbole_metarec.settings.backbone import BackboneName, BackboneSettings
from recbole_metarec.settings.base import Settings, option, redefault
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.settings.features import AdapterSettings, FeatureSettings
from recbole_metarec.settings.kinds import (
    ClipNorm,
    Count,
    Few,
    FileToRead,
    Learner,
    Nonnegative,
    Positive,
    PositiveShare,
    Share,
    Whole,
)
from recbole_metarec.settings.optimizer import OptimizerSettings
from recbole_metarec.settings.softmax import SoftmaxSettings
from recbole_metarec.settings.suite import SuiteSettings


class ItemSettings(Settings):
    """What item vectors are made of beside features."""

    group = "Items"

    transductive: bool = option(
        True,
        "Add an embedding of its own to an item's vector; items that the training part lacks have none. False: items "
        "are known by their features alone (inductive).",
    )
    embedding_shrinkage: Nonnegative = option(
        20, "After n interactions an item's own embedding counts n / (n + this); 0: whole.", "Ours"
    )
    temperature: Positive = option(0.07, "Scores are cosines divided by this.", "ANT")


class AdaptationSettings(Settings):
    """How a pre-trained core becomes the target's."""

    group = "Adaptation"

    adapt: Literal["relearn", "finetune", "frozen", "scratch"] = option(
        "relearn",
        "relearn | finetune | frozen | scratch: the sequence model is kept as pre-trained and all that makes item "
        "vectors is learnt anew | all goes on learning | nothing does but the items' own embeddings | nothing is taken "
        "over.",
        "ANT",
    )
    thaw_after: Whole | None = option(
        2, "Epochs after which what relearn has frozen learns, too; ~ is never.", "Ours; ANT: ~"
    )
    pretrained: FileToRead | None = option(
        None,
        "File of a pre-trained core; without it, the sources are pre-trained on.",
        decides="content",
    )


class PretrainingSettings(Settings):
    """Contrastive pre-training on the sources."""

    group = "Pre-training"

    pretrain_epochs: Count = option(4, "Epochs on all sources together.", "Ours; ANT has 300")
    pretrain_batch_size: Count = option(512, "Windows in a batch, from all sources.", "Ours")
    pretrain_learning_rate_decay: PositiveShare = option(0.995, "As learning_rate_decay.", "ANT")
    contrast_across_domains: bool = option(True, "Whether items of other sources are negatives, too.", "ANT")
    image_text_weight: Nonnegative = option(0.001, "Weight of the contrast of pictures and texts.", "ANT")


CORE_KEYS = (
    *("backbone", "hidden_size", "n_layers", "inner_size", "n_heads", "n_experts"),
    *("text_encoder", "image_encoder", "positions", "MAX_ITEM_LIST_LENGTH"),
)
"""Settings that a core may have to be pre-trained with."""


class ANTSettings(
    PretrainingSettings,
    AdaptationSettings,
    OptimizerSettings,
    SoftmaxSettings,
    ItemSettings,
    BackboneSettings,
    AdapterSettings,
    FeatureSettings,
    EvidenceSettings,
    SuiteSettings,
):
    """All settings that ANT reads."""

    backbone: BackboneName = redefault(BackboneSettings, "backbone", "transformer", "ANT has a Transformer")
    positions: Literal["end", "start"] = redefault(BackboneSettings, "positions", "end", "Ours | ANT")
    hidden_size: Count = option(128, "Width of item vectors and states.", "Ours; ANT has 256")
    n_layers: Few = redefault(BackboneSettings, "n_layers", 2, "ANT")
    n_heads: Count = redefault(BackboneSettings, "n_heads", 2, "ANT")
    inner_size: Count = redefault(BackboneSettings, "inner_size", 256, "ANT")
    hidden_dropout_prob: Share = redefault(BackboneSettings, "hidden_dropout_prob", 0.5, "ANT")
    attn_dropout_prob: Share = redefault(
        BackboneSettings, "attn_dropout_prob", 0.0, "Ours: above 0 the fast kernels are off; ANT has 0.5"
    )
    initializer_range: Positive = redefault(BackboneSettings, "initializer_range", 0.02, "ANT")
    softmax: Literal["full", "sampled", "auto"] = redefault(SoftmaxSettings, "softmax", "auto", "ANT has a full one")
    full_softmax_max_items: Whole = redefault(SoftmaxSettings, "full_softmax_max_items", 20000, "Ours")
    epochs: Count = option(100, "Largest number of epochs on the target, with or without a core.", "ANT")
    stopping_step: Whole = redefault(OptimizerSettings, "stopping_step", 10, "UniSRec; ANT has no such stop")
    train_batch_size: Count = redefault(
        OptimizerSettings, "train_batch_size", 256, "Ours; ANT has 2048 prefixes, which are about as many targets"
    )
    learner: Learner = redefault(OptimizerSettings, "learner", "adamw", "Ours; ANT has adam")
    learning_rate: Positive = redefault(OptimizerSettings, "learning_rate", 0.001, "ANT")
    learning_rate_decay: PositiveShare = option(
        0.99, "The learning rate is multiplied by this after each epoch.", "ANT"
    )
    weight_decay: Nonnegative = redefault(OptimizerSettings, "weight_decay", 0.0, "ANT")
    clip_grad_norm: ClipNorm | None = redefault(OptimizerSettings, "clip_grad_norm", {"max_norm": 5.0}, "Ours")
