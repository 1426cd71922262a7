"""Backbones: causal sequence encoders, each from item vectors to one state a position."""

from __future__ import annotations

from recbole_metarec.nn.backbones.base import Backbone
from recbole_metarec.nn.backbones.gru import GRUBackbone
from recbole_metarec.nn.backbones.lru import LRUBackbone
from recbole_metarec.nn.backbones.transformer import TransformerBackbone
from recbole_metarec.settings.backbone import BackboneSettings

__all__ = ["BACKBONES", "Backbone", "build_backbone"]

BACKBONES: dict[str, type[Backbone]] = {
    "transformer": TransformerBackbone,
    "gru": GRUBackbone,
    "lru": LRUBackbone,
}
"""Every backbone by its name in the settings. Others may be added."""


def build_backbone(settings: BackboneSettings) -> Backbone:
    """Build the backbone that settings name.

    Parameters
    ----------
    settings : BackboneSettings

    Returns
    -------
    Backbone
    """
    return BACKBONES[settings.backbone].from_settings(settings)
