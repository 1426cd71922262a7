"""Dropout at the price of a random byte an element."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from recbole_metarec.nn.draws import drawn, is_shared


class Dropout(nn.Module):
    """Zero elements at random in training and scale up what stays.

    On the CPU, torch's own draws a Bernoulli variate for each element, which can take longer than a layer's matrix
    products. Here a 64-bit draw decides for eight elements, so the probability is rounded to 256ths; the scale fits
    the rounded one. Other devices use torch's own.

    Parameters
    ----------
    p : float
        Probability that an element is zeroed.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.dropped = round(256 * p)

    def extra_repr(self) -> str:
        """Describe the layer as torch's does."""
        return f"p={self.p}"

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of a tensor of any shape."""
        if not self.training or self.p == 0:
            return x
        if self.dropped == 256 or (x.device.type != "cpu" and not is_shared()):
            return nn.functional.dropout(x, self.p)
        if x.device.type != "cpu":
            return x * drawn(x.shape, lambda shape: nn.functional.dropout(x.new_ones(shape), self.p))
        # as numbers of x's own type: torch compares bytes one by one
        kept = drawn(x.shape, _bytes).to(x.dtype).ge_(self.dropped)
        return x * kept.mul_(256 / (256 - self.dropped))


def _bytes(shape: torch.Size) -> Tensor:
    size = math.prod(shape)
    draws = torch.empty(-(-size // 8), dtype=torch.int64).random_(-(2**63), None).view(torch.uint8)
    return draws[:size].view(shape)
