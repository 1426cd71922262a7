"""From a sequence of item vectors to the state that items are scored against, out of plain values."""

# Shapes: B sequences, L positions, D width.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from typing_extensions import Self

from recbole_metarec.errors import UserError
from recbole_metarec.nn.backbones import BACKBONES, Backbone, build_backbone
from recbole_metarec.settings.backbone import BackboneSettings


def plain_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return the weights of a module for a checkpoint."""
    return {name: value.detach().cpu() for name, value in module.state_dict().items()}


class EncoderPart(NamedTuple):
    """One of the encoders that a model is made of.

    Attributes
    ----------
    settings : BackboneSettings
        What the backbone was built from; ``hidden_size`` is its share of the width of item vectors.
    backbone : Backbone
    normed : bool
        Whether its states are scaled to length 1.
    """

    settings: BackboneSettings
    backbone: Backbone
    normed: bool = False

    def state(self) -> dict[str, Any]:
        """Return it as plain values and tensors; see `of_state`."""
        settings = self.settings.plain_of(BackboneSettings)
        return {"settings": settings, "weights": plain_weights(self.backbone), "normed": self.normed}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """Build what `state` described.

        Raises
        ------
        UserError
            If its backbone is none of this process.
        """
        name = state["settings"]["backbone"]
        if name not in BACKBONES:
            raise UserError([f"backbone {name}: is not known here; first import the module that adds it to BACKBONES"])
        settings = BackboneSettings.of(state["settings"])
        backbone = build_backbone(settings)
        backbone.load_state_dict(state["weights"])
        return cls(settings, backbone, state["normed"])


class SequenceEncoder(nn.Module):
    """Encoders side by side, each with its own part of the item vectors; their states stand behind each other.

    Parameters
    ----------
    parts : sequence of EncoderPart
        None where nothing but evidence scores.
    max_length : int
        Last items of a sequence that are read.
    """

    def __init__(self, parts: Sequence[EncoderPart], max_length: int) -> None:
        super().__init__()
        self.parts, self.max_length = list(parts), max_length
        self.backbones = nn.ModuleList(part.backbone for part in parts)
        self.eval()

    @property
    def widths(self) -> list[int]:
        """Width of each part."""
        return [part.settings.hidden_size for part in self.parts]

    def forward(self, x_BLD: Tensor, length_B: Tensor) -> Tensor:
        """Encode sequences.

        Parameters
        ----------
        x_BLD : Tensor, shape (B, L, D)
            Item vectors, right-padded.
        length_B : LongTensor, shape (B,)
            Number of items of each sequence, at least 1.

        Returns
        -------
        Tensor, shape (B, D)
            State behind the last item.
        """
        states = []
        for (_, backbone, normed), own_BLD in zip(self.parts, x_BLD.split(self.widths, dim=-1), strict=True):
            state_BD = backbone.at(own_BLD, length_B - 1)
            states.append(normalize(state_BD, dim=-1) if normed else state_BD)
        return torch.cat(states, 1) if states else x_BLD.new_zeros(len(x_BLD), 0)

    def exportable(self) -> SequenceEncoder:
        """Return encoders of the same results in operations that ONNX has."""
        parts = [part._replace(backbone=part.backbone.exportable(self.max_length)) for part in self.parts]
        return SequenceEncoder(parts, self.max_length)

    def state(self) -> dict[str, Any]:
        """Return it as plain values and tensors; see `of_state`."""
        return {"parts": [part.state() for part in self.parts], "max_length": self.max_length}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """Build what `state` described."""
        return cls([EncoderPart.of_state(part) for part in state["parts"]], state["max_length"])
