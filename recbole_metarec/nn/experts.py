"""A mixture of experts, from features to vectors.

Papers: the experts of UniSRec, https://arxiv.org/abs/2206.05941, equations 2 to 5; in the form of ANT's published code,
https://github.com/ninglab/ANT.
"""

# Shapes: I items, W width of features, D width of vectors, G experts.

from __future__ import annotations

import torch
from torch import Tensor, nn

from recbole_metarec.nn.draws import drawn
from recbole_metarec.nn.dropout import Dropout


class Experts(nn.Module):
    """Mixture of linear experts with noisy gates (Shazeer et al., ICLR 2017, https://arxiv.org/abs/1701.06538).

    Expert ``k`` is a parametric whitening, ``(x - b_k) W_k``, or an affine map, ``x W_k + c_k``; its gate is
    ``softmax(x W_g + noise * (softplus(x W_n) + 0.01))``, without noise in evaluation.

    Parameters
    ----------
    width : int
        Width W of the features.
    out : int
        Width D of the result.
    experts : int
        Number G of experts; one is no mixture.
    dropout : float
        Dropout of the features before the experts.
    whitening : bool
        Which of the two.
    """

    def __init__(self, width: int, out: int, experts: int, dropout: float, whitening: bool) -> None:
        super().__init__()
        self.whitening = whitening
        self.weight = nn.Parameter(torch.empty(experts, width, out))
        self.bias = nn.Parameter(torch.zeros(experts, width if whitening else out))
        self.gate = nn.Parameter(torch.zeros(width, experts))
        self.noise = nn.Parameter(torch.zeros(width, experts))
        self.dropout = Dropout(dropout)
        for weight_WD in self.weight.detach():
            nn.init.xavier_normal_(weight_WD)

    def forward(self, x_IW: Tensor) -> Tensor:
        """Map features to vectors, shape (I, D)."""
        gates_IG = self.gates(x_IW)
        experts, _, out = self.weight.shape
        # one product with all experts at once
        every_IGD = (self.dropout(x_IW) @ self.weight.transpose(0, 1).flatten(1)).unflatten(1, (experts, out))
        bias_GD = torch.einsum("gw,gwd->gd", -self.bias, self.weight) if self.whitening else self.bias
        vectors_ID: Tensor = torch.bmm(gates_IG[:, None], every_IGD).squeeze(1) + gates_IG @ bias_GD
        return vectors_ID

    def gates(self, x_IW: Tensor) -> Tensor:
        """Weigh the experts for each item, shape (I, G); rows sum to 1."""
        logits_IG = x_IW @ self.gate
        if self.training and self.gate.shape[1] > 1:
            spread_IG = nn.functional.softplus(x_IW @ self.noise) + 0.01
            noise_IG = drawn(logits_IG.shape, lambda shape: torch.randn_like(logits_IG.new_empty(shape)))
            logits_IG = logits_IG + noise_IG * spread_IG
        return logits_IG.softmax(-1)
