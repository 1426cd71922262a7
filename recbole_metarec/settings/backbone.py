"""The sequence encoder."""

from __future__ import annotations

from typing import Literal

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Count, Few, Positive, Share, Word


class BackboneSettings(Settings):
    """From item vectors to states."""

    group = "Backbone"

    backbone: Word = option("transformer", "transformer | gru | lru.", "SASRec, GRU4Rec, LRURec")
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
    MAX_ITEM_LIST_LENGTH: Count = option(50, "Last items of a sequence that are read.", "RecBole")
