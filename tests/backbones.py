"""Small backbones for tests."""

from __future__ import annotations

from recbole_metarec.nn.backbones import Backbone, build_backbone
from recbole_metarec.settings.backbone import BackboneSettings


def make_backbone(
    name: str,
    *,
    width: int,
    layers: int = 1,
    heads: int = 2,
    inner_width: int = 16,
    max_length: int = 10,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    from_end: bool = False,
) -> Backbone:
    """Build a backbone by name and sizes."""
    return build_backbone(
        BackboneSettings(
            backbone=name,
            hidden_size=width,
            n_layers=layers,
            n_heads=heads,
            inner_size=inner_width,
            MAX_ITEM_LIST_LENGTH=max_length,
            hidden_dropout_prob=dropout,
            attn_dropout_prob=attention_dropout,
            positions="end" if from_end else "start",
        )
    )
