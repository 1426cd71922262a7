"""What every backbone is, and what several are built of."""

# Shapes: B sequences, L positions, D width.

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.nn.dropout import Dropout
from recbole_metarec.nn.roles import Role
from recbole_metarec.settings.backbone import BackboneSettings


class Backbone(nn.Module, ABC):
    """Causal sequence encoder: position ``l`` of the result depends on inputs 0 to ``l`` alone."""

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: BackboneSettings) -> Self:
        """Build it as the settings say; what they hold beyond its needs is passed over."""

    def roles(self) -> dict[str, Role]:
        """Say what its parameters are to other domains, by name or by the beginning of names; see `Role`."""
        return {"": Role.ENCODER}

    @abstractmethod
    def forward(self, x_BLD: Tensor, length_B: Tensor | None = None, *, twice_differentiable: bool = False) -> Tensor:
        """Encode sequences.

        Parameters
        ----------
        x_BLD : Tensor, shape (B, L, D)
            Item vectors, right-padded.
        length_B : LongTensor, shape (B,), optional
            Number of real items of each sequence; without it, all are real.
        twice_differentiable : bool
            Use operations that have a second derivative on every device.

        Returns
        -------
        Tensor, shape (B, L, D)
        """

    def exportable(self, max_length: int) -> Backbone:
        """Return a backbone of the same results in operations that ONNX has, for sequences up to some length.

        By default it is this one.
        """
        return self

    def at(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """Encode sequences for one position each.

        Parameters
        ----------
        x_BLD : Tensor, shape (B, L, D)
            Item vectors, right-padded.
        place_B : LongTensor, shape (B,)
            Position of each sequence whose state is wanted.

        Returns
        -------
        Tensor, shape (B, D)
        """
        return pick(self(x_BLD, place_B + 1), place_B)


def pick(x_BLD: Tensor, place_B: Tensor) -> Tensor:
    """Return the state at one position of each sequence, shape (B, D)."""
    return x_BLD[torch.arange(place_B.shape[0], device=place_B.device), place_B]


class FeedForward(nn.Module):
    """Two linear layers, with a residual and a norm behind it."""

    def __init__(self, width: int, inner_width: int, dropout: float, inner_dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, inner_width), nn.GELU(), Dropout(inner_dropout), nn.Linear(inner_width, width)
        )
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Map each position by itself, shape (B, L, D)."""
        normed: Tensor = self.norm(x_BLD + self.dropout(self.layers(x_BLD)))
        return normed


def init_linear(module: nn.Module) -> None:
    """Draw a linear layer as Transformers do; for ``nn.Module.apply``."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
