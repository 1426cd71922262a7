"""Vectors of items that a model was not trained with, from their features."""

# Shapes: I items, D width.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from typing_extensions import Self

from recbole_metarec.features.features import Categories, Form, Vectors
from recbole_metarec.inference.encoder import plain_weights
from recbole_metarec.inference.features import FeatureReader
from recbole_metarec.nn.adapter import FeatureAdapter, build_adapter
from recbole_metarec.nn.quantizers import Quantizer, build_quantizer
from recbole_metarec.settings.features import AdapterSettings
from recbole_metarec.settings.quantizer import QuantizerSettings


class NewItems(NamedTuple):
    """Vectors of items, shape (I, D) each, and their codes, shape (I, H), if there are any."""

    inputs: Tensor
    outputs: Tensor
    codes: Tensor | None


class ItemEncoder(nn.Module):
    """Item vectors from features alone: what an item has that nobody had in training.

    Parameters
    ----------
    adapter : FeatureAdapter
    settings : AdapterSettings
        What the adapter was built from.
    reader : FeatureReader
        Turns what is known of items into features.
    temperature : float, optional
        Items are scored against by cosines divided by this; by inner products without.
    quantizer : Quantizer, optional
        With what it was built from.
    """

    def __init__(
        self,
        adapter: FeatureAdapter,
        settings: AdapterSettings,
        reader: FeatureReader,
        temperature: float | None = None,
        quantizer: tuple[Quantizer, QuantizerSettings] | None = None,
    ) -> None:
        super().__init__()
        self.adapter, self.settings, self.reader, self.temperature = adapter, settings, reader, temperature
        self.quantizer = None if quantizer is None else quantizer[0]
        self.quantizer_settings = None if quantizer is None else quantizer[1]

    @torch.no_grad()
    def encode(self, columns: Mapping[str, Sequence[Any]]) -> NewItems:
        """Compute the vectors of items.

        Parameters
        ----------
        columns : mapping of str to list
            See `FeatureReader.read`.

        Returns
        -------
        NewItems

        Raises
        ------
        UserError
            If an item has no feature, or a malformed one.
        """
        self.eval()
        vectors_ID = self.adapter(self.reader.read(columns)).vectors
        if self.quantizer is None:
            outputs_ID = vectors_ID if self.temperature is None else normalize(vectors_ID, dim=-1) / self.temperature
            return NewItems(vectors_ID, outputs_ID, None)
        assert self.quantizer_settings is not None
        quantized = self.quantizer(vectors_ID)
        scores_quantized = self.quantizer_settings.score_with == "quantized"
        return NewItems(quantized.vectors, quantized.vectors if scores_quantized else vectors_ID, quantized.codes)

    def tree(self) -> dict[str, Any]:
        """Return it as plain values, tensors and arrays; see `of_tree`."""
        quantizer = None
        if self.quantizer is not None and self.quantizer_settings is not None:
            kept = self.quantizer_settings.plain_of(QuantizerSettings)
            quantizer = {"settings": kept, "weights": plain_weights(self.quantizer)}
        return {
            "width": self.adapter.out,
            "forms": {name: _plain(form) for name, form in self.adapter.forms.items()},
            "settings": self.settings.plain_of(AdapterSettings),
            "weights": plain_weights(self.adapter),
            "reader": self.reader.tree(),
            "temperature": self.temperature,
            "quantizer": quantizer,
        }

    @classmethod
    def of_tree(cls, tree: Mapping[str, Any]) -> Self:
        """Build what `tree` described."""
        settings = AdapterSettings.of(tree["settings"])
        forms = {name: _form(plain) for name, plain in tree["forms"].items()}
        adapter = build_adapter(settings, tree["width"], forms)
        adapter.load_state_dict(tree["weights"])
        quantizer = None
        if tree["quantizer"] is not None:
            of_quantizer = QuantizerSettings.of(tree["quantizer"]["settings"])
            built = build_quantizer(of_quantizer, tree["width"])
            if built is None:
                raise ValueError("there are weights of a quantizer, but none is asked for")
            built.load_state_dict(tree["quantizer"]["weights"])
            quantizer = built, of_quantizer
        return cls(adapter, settings, FeatureReader.of_tree(tree["reader"], forms), tree["temperature"], quantizer)


def joined(parts: Sequence[NewItems]) -> NewItems:
    """Put the vectors of an ensemble's members behind each other: scores are the mean of theirs."""
    inputs, outputs, codes = zip(*parts, strict=True)
    return NewItems(torch.cat(inputs, 1), torch.cat(outputs, 1) / len(parts), codes[0] if len(parts) == 1 else None)


def _plain(form: Form) -> dict[str, int]:
    return {"number": form.number} if isinstance(form, Categories) else {"width": form.width}


def _form(plain: Mapping[str, int]) -> Form:
    return Categories(plain["number"]) if "number" in plain else Vectors(plain["width"])
