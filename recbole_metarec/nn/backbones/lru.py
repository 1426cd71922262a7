"""The linear recurrence of LRURec."""

# Shapes: B sequences, L positions, D width, S state size of the recurrence, K steps of a scan.

from __future__ import annotations

import copy
import math
from typing import cast

import torch
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.nn.backbones.base import Backbone, FeedForward, init_linear
from recbole_metarec.nn.dropout import Dropout
from recbole_metarec.nn.roles import Role
from recbole_metarec.settings.backbone import BackboneSettings


class _LinearRecurrence(nn.Module):
    """``h_l = lambda h_{l-1} + gamma B x_l``, ``y_l = Re(C h_l)``, lambda complex and diagonal."""

    def __init__(self, width: int, state: int, ring: tuple[float, float] = (0.8, 0.99)) -> None:
        super().__init__()
        low, high = ring
        modulus = torch.sqrt(torch.rand(state) * (high**2 - low**2) + low**2)
        self.nu_log = nn.Parameter(torch.log(-torch.log(modulus)))
        self.theta_log = nn.Parameter(torch.log(2 * math.pi * torch.rand(state).clamp(min=1e-4)))
        self.gamma_log = nn.Parameter(0.5 * torch.log1p(-modulus.square()))
        self.b_in = nn.Linear(width, 2 * state)
        self.c_out = nn.Linear(2 * state, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        real, imaginary = self.b_in(x_BLD).chunk(2, -1)
        gamma = self.gamma_log.exp()
        h_BLS = _scan(torch.complex(gamma * real, gamma * imaginary), self.log_lambda())
        y_BLD: Tensor = self.c_out(torch.cat([h_BLS.real, h_BLS.imag], -1))
        return y_BLD

    def log_lambda(self) -> Tensor:
        return torch.complex(-self.nu_log.exp(), self.theta_log.exp())


class _RealRecurrence(nn.Module):
    """`_LinearRecurrence` in real arithmetic; its scan has as many steps as the longest sequence needs."""

    real_KS: Tensor
    imaginary_KS: Tensor
    gamma: Tensor

    def __init__(self, recurrence: _LinearRecurrence, max_length: int) -> None:
        super().__init__()
        self.b_in, self.c_out = recurrence.b_in, recurrence.c_out
        strides_K1 = 2 ** torch.arange(math.ceil(math.log2(max_length)))[:, None]
        factors_KS = torch.exp(recurrence.log_lambda().detach() * strides_K1)
        self.register_buffer("real_KS", factors_KS.real.clone())
        self.register_buffer("imaginary_KS", factors_KS.imag.clone())
        self.register_buffer("gamma", recurrence.gamma_log.detach().exp())

    def forward(self, x_BLD: Tensor) -> Tensor:
        real, imaginary = (self.gamma * part for part in self.b_in(x_BLD).chunk(2, -1))
        for step, (a, b) in enumerate(zip(self.real_KS, self.imaginary_KS, strict=True)):
            # zeros go in front and as much is cut off behind, which no step has to know the length for
            c, d = (nn.functional.pad(part, (0, 0, 2**step, 0))[:, : x_BLD.shape[1]] for part in (real, imaginary))
            real, imaginary = real + a * c - b * d, imaginary + a * d + b * c
        y_BLD: Tensor = self.c_out(torch.cat([real, imaginary], -1))
        return y_BLD


def _scan(u_BLS: Tensor, log_lambda_S: Tensor) -> Tensor:
    """Solve ``h_l = exp(log_lambda) h_{l-1} + u_l`` in log2(L) steps.

    Doubling (Hillis and Steele, 1986): after the step with stride s, position l holds the sum of its 2s latest terms.
    """
    stride = 1
    while stride < u_BLS.shape[1]:
        carried = torch.exp(log_lambda_S * stride) * u_BLS[:, :-stride]
        u_BLS = torch.cat([u_BLS[:, :stride], u_BLS[:, stride:] + carried], 1)
        stride *= 2
    return u_BLS


class _RecurrentBlock(nn.Module):
    def __init__(self, width: int, inner_width: int, dropout: float) -> None:
        super().__init__()
        self.recurrence: nn.Module = _LinearRecurrence(width, 2 * width)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, inner_width, dropout, dropout)

    def forward(self, x_BLD: Tensor) -> Tensor:
        x_BLD = self.norm(x_BLD + self.dropout(self.recurrence(x_BLD)))
        encoded: Tensor = self.feed_forward(x_BLD)
        return encoded


class LRUBackbone(Backbone):
    """Linear recurrent units, scanned in parallel.

    Source: LRURec, https://arxiv.org/abs/2310.02367, eqs. 4 to 8.

    Parameters
    ----------
    width : int
        Width D; the recurrent state has 2 D complex entries.
    layers : int
        Number of blocks.
    inner_width : int
        Width of the feed-forward layers.
    dropout : float
        Dropout of hidden states.
    """

    def __init__(self, width: int, layers: int, inner_width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.blocks = nn.Sequential(*(_RecurrentBlock(width, inner_width, dropout) for _ in range(layers)))
        self.apply(init_linear)

    @classmethod
    def from_settings(cls, settings: BackboneSettings) -> Self:
        """See `Backbone`."""
        return cls(settings.hidden_size, settings.n_layers, settings.inner_size, settings.hidden_dropout_prob)

    def roles(self) -> dict[str, Role]:
        """See `Backbone`."""
        return {**super().roles(), "norm": Role.INPUT}

    def exportable(self, max_length: int) -> Backbone:
        """See `Backbone`; ONNX has no complex numbers."""
        backbone = copy.deepcopy(self)
        for block in cast(list[_RecurrentBlock], list(backbone.blocks)):
            block.recurrence = _RealRecurrence(cast(_LinearRecurrence, block.recurrence), max_length)
        return backbone

    def forward(self, x_BLD: Tensor, length_B: Tensor | None = None, *, twice_differentiable: bool = False) -> Tensor:
        """See `Backbone`."""
        encoded: Tensor = self.blocks(self.norm(self.dropout(x_BLD)))
        return encoded
