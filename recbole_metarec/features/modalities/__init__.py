"""Modalities of items: what is known of them, each kind as numbers of its own."""

from __future__ import annotations

from recbole_metarec.features.modalities.base import Modality, Sharing, SuiteItems
from recbole_metarec.features.modalities.image import Image
from recbole_metarec.features.modalities.price import Price
from recbole_metarec.features.modalities.text import Text

__all__ = ["MODALITIES", "Modality", "Sharing", "SuiteItems"]

MODALITIES: dict[str, type[Modality]] = {"text": Text, "image": Image, "price": Price}
"""Every modality by its name in the settings. Others may be added."""
