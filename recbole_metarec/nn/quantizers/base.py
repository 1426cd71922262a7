"""What every quantizer is."""

# Shapes: N vectors, D width, H codes of a vector.

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.settings.quantizer import QuantizerSettings


class Quantized(NamedTuple):
    """What a quantizer returns.

    Attributes
    ----------
    vectors : Tensor, shape (N, D)
        Quantized vectors.
    codes : LongTensor, shape (N, H)
        The codes that stand for each vector, as many for all.
    loss : Tensor, scalar
        What draws codes and vectors together.
    """

    vectors: Tensor
    codes: Tensor
    loss: Tensor


class Quantizer(nn.Module, ABC):
    """Map vectors of any domain to codes that all domains share.

    Attributes
    ----------
    heads : int
        Number H of codes that stand for a vector.
    codes : int
        Number of codes to choose each from.
    """

    heads: int
    codes: int

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: QuantizerSettings, width: int) -> Self:
        """Build it for vectors of a width as the settings say."""

    @abstractmethod
    def forward(self, z_ND: Tensor, codes_NH: Tensor | None = None) -> Quantized:
        """Quantize vectors.

        Parameters
        ----------
        z_ND : Tensor, shape (N, D)
        codes_NH : LongTensor, shape (N, H), optional
            Codes to quantize to; without them, the nearest.

        Returns
        -------
        Quantized
        """

    @torch.no_grad()
    def update(self, z_ND: Tensor, codes_NH: Tensor) -> None:
        """Take note of the codes in use; see `forward` for shapes."""
        return None

    @torch.no_grad()
    def revive(self, z_ND: Tensor, threshold: float, generator: torch.Generator | None = None) -> int:
        """Draw codes that are hardly used anew from vectors.

        Parameters
        ----------
        z_ND : Tensor, shape (N, D)
            Vectors to draw from.
        threshold : float
            A code is dead when its decayed count of uses per `update` is below this; ``inf`` draws every code.
        generator : torch.Generator, optional
            Source of randomness, on the CPU.

        Returns
        -------
        int
            How many codes were drawn.
        """
        return 0
