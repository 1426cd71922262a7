"""RecBole's SASRec and a MetaRec without a quantizer that holds the same weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


@torch.no_grad()
def take_over(ours: Any, sasrec: Any) -> None:
    """Copy the weights of RecBole's SASRec into a MetaRec of the same sizes."""
    body = ours.encoder.backbone
    ours.item_embedding.weight.copy_(sasrec.item_embedding.weight)
    body.position.copy_(sasrec.position_embedding.weight)
    _copy(body.norm, sasrec.LayerNorm)
    for (attention, feed_forward), layer in zip(body.layers, sasrec.trm_encoder.layer, strict=True):
        stock = layer.multi_head_attention
        for name in ("weight", "bias"):
            parts = [getattr(part, name) for part in (stock.query, stock.key, stock.value)]
            getattr(attention.qkv, name).copy_(torch.cat(parts))
        _copy(attention.out, stock.dense)
        _copy(attention.norm, stock.LayerNorm)
        _copy(feed_forward.layers[0], layer.feed_forward.dense_1)
        _copy(feed_forward.layers[3], layer.feed_forward.dense_2)
        _copy(feed_forward.norm, layer.feed_forward.LayerNorm)


def _copy(ours: nn.Module, stock: nn.Module) -> None:
    ours.load_state_dict(stock.state_dict())
    if isinstance(ours, nn.LayerNorm):
        ours.eps = stock.eps
