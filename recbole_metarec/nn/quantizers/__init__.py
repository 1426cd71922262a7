"""Quantizers: item embeddings of every domain into one shared space of codes."""

from __future__ import annotations

from recbole_metarec.nn.quantizers.base import Quantized, Quantizer
from recbole_metarec.nn.quantizers.multi_head import MultiHeadQuantizer
from recbole_metarec.settings.quantizer import QuantizerSettings

__all__ = ["QUANTIZERS", "Quantized", "Quantizer", "build_quantizer"]

QUANTIZERS: dict[str, type[Quantizer]] = {"multi_head": MultiHeadQuantizer}
"""Every quantizer by its name in the settings. Others may be added."""


def build_quantizer(settings: QuantizerSettings, width: int) -> Quantizer | None:
    """Build the quantizer that settings name, for vectors of a width; ``None`` if they want none."""
    name = settings.quantizer_name
    return None if name is None else QUANTIZERS[name].from_settings(settings, width)
