"""The sequence encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from recbole_metarec.settings.base import CrossCheck, Settings, option
from recbole_metarec.settings.kinds import Count, Few, Positive, Share, WindowLength, named_in

BackboneName = Annotated[str, named_in("recbole_metarec.nn.backbones:BACKBONES", "transformer", "gru", "lru")]


def _heads_divide(settings: Mapping[str, Any]) -> Iterator[str]:
    width, heads = settings.get("hidden_size"), settings.get("n_heads")
    if settings.get("backbone", "transformer") == "transformer" and width and heads and width % heads:
        yield f"--n_heads={heads}: must divide hidden_size ({width})"


HEADS_DIVIDE: CrossCheck = (("hidden_size", "n_heads", "backbone"), _heads_divide)
"""A check of attention heads, for RecBole's Transformers, too."""


class BackboneSettings(Settings):
    """From item vectors to states."""

    group = "Backbone"
    checks: ClassVar[tuple[CrossCheck, ...]] = (HEADS_DIVIDE,)

    backbone: BackboneName = option("transformer", "transformer | gru | lru.", "SASRec, GRU4Rec, LRURec")
    positions: Literal["end", "start"] = option(
        "end", "end | start: where a Transformer counts positions from.", "SASRec's own code | RecBole's"
    )
    hidden_size: Count = option(64, "Width of item embeddings and states.", "RecBole's SASRec, LRURec")
    n_layers: Few = option(2, "Layers.", "RecBole's SASRec, LRURec")
    n_heads: Count = option(2, "Attention heads (transformer).", "RecBole's SASRec")
    inner_size: Count = option(256, "Width of feed-forward layers, or of the GRU's state.", "RecBole's SASRec")
    hidden_dropout_prob: Share = option(0.5, "Dropout of hidden states.", "RecBole's SASRec")
    attn_dropout_prob: Share = option(
        0.0, "Dropout of attention weights (transformer).", "Ours: above 0 the fast kernels are off"
    )
    initializer_range: Positive = option(0.02, "Standard deviation of new item embeddings.", "RecBole's SASRec")
    MAX_ITEM_LIST_LENGTH: WindowLength = option(50, "Last items of a sequence that are read.", "RecBole")
