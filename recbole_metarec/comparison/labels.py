"""Labels of entries: a model, behind a colon its preset and its variant, as in ``MetaRec:paper-scratch``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from recbole_metarec.errors import UserError, shown
from recbole_metarec.models import SPECS

LEFT_OUT = "without-"
"""Begins the variant that lacks a source: ``MetaRec:without-amazon-baby``."""


class Family(NamedTuple):
    """A model with one preset or none, of which there are variants.

    Attributes
    ----------
    model : str
        Its name.
    preset : str
        Empty for none.
    """

    model: str
    preset: str

    def label(self, variant: str = "") -> str:
        """Name one of its variants, or the model itself."""
        behind = "-".join(filter(None, [self.preset, variant]))
        return f"{self.model}:{behind}" if behind else self.model


def parse(label: str) -> tuple[Family, str]:
    """Tell a label's family from its variant.

    Parameters
    ----------
    label : str
        What behind the colon begins with no preset of the model is a variant, known or not.

    Returns
    -------
    family : Family
    variant : str
        Empty for the model itself.
    """
    model, _, behind = label.partition(":")
    for preset in SPECS[model].presets if model in SPECS else ():
        rest = behind.removeprefix(preset)
        if rest != behind and rest[:1] in ("", "-"):
            return Family(model, preset), rest[1:]
    return Family(model, ""), behind


def variant_of(label: str) -> str:
    """Return the variant of a label; see `parse`."""
    return parse(label)[1]


def beside(label: str, variant: str) -> str:
    """Return the label of another variant of the same family."""
    return parse(label)[0].label(variant)


def left_out(label: str) -> str | None:
    """Return the source that a variant lacks, ``None`` for other variants."""
    variant = variant_of(label)
    return variant.removeprefix(LEFT_OUT) if variant.startswith(LEFT_OUT) else None


def asked_models(settings: Mapping[str, Any]) -> list[str]:
    """Read the names of models, which stand in a list or in a text with commas between them.

    Raises
    ------
    UserError
        If there are none.
    """
    model = settings.get("model")
    asked = model.replace(",", " ").split() if isinstance(model, str) else model or []
    if not isinstance(asked, (list, tuple)) or not asked or not all(isinstance(name, str) and name for name in asked):
        raise UserError([f"{shown('model', model or '')}: must name a model, or several, as in --model=MetaRec,SASRec"])
    return list(asked)
