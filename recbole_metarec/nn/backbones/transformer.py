"""The Transformer of SASRec."""

# Shapes: B sequences, L positions, D width, H heads.

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from typing_extensions import Self

from recbole_metarec.nn.backbones.base import Backbone, FeedForward, init_linear, pick
from recbole_metarec.nn.dropout import Dropout
from recbole_metarec.nn.roles import Role
from recbole_metarec.settings.backbone import BackboneSettings


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.heads, self.attention_dropout = heads, Dropout(attention_dropout)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        q, k, v = self.qkv(x_BLD).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if self.training and self.attention_dropout.p:
            mixed = self._mix_with_dropout(q, k, v)
        else:
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        normed: Tensor = self.norm(x_BLD + self.dropout(self.out(mixed.transpose(1, 2).flatten(2))))
        return normed

    def at(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """Compute one position of each sequence: keys and values of all, a query of one."""
        width = x_BLD.shape[2]
        own_BD = pick(x_BLD, place_B)
        q_B1D = nn.functional.linear(own_BD, self.qkv.weight[:width], self.qkv.bias[:width])[:, None]
        k_BLD, v_BLD = nn.functional.linear(x_BLD, self.qkv.weight[width:], self.qkv.bias[width:]).chunk(2, -1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q_B1D, k_BLD, v_BLD))
        seen_BL = torch.arange(x_BLD.shape[1], device=place_B.device) <= place_B[:, None]
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen_BL[:, None, None])
        normed: Tensor = self.norm(own_BD + self.dropout(self.out(mixed.flatten(1))))
        return normed

    def _mix_with_dropout(self, q_BHLd: Tensor, k_BHLd: Tensor, v_BHLd: Tensor) -> Tensor:
        # torch has no fast kernel with dropout on a CPU
        hidden_LL = q_BHLd.new_full((q_BHLd.shape[2],) * 2, -torch.inf).triu(1)
        scores_BHLL = torch.matmul(q_BHLd / math.sqrt(q_BHLd.shape[3]), k_BHLd.transpose(2, 3)) + hidden_LL
        mixed: Tensor = self.attention_dropout(scores_BHLL.softmax(-1)) @ v_BHLd
        return mixed


class TransformerBackbone(Backbone):
    """Causal Transformer with learnt positions, post-norm.

    Source: SASRec, https://arxiv.org/abs/1808.09781, in the form of RecBole's ``sasrec.py``. Padding stands to the
    right of every real item, so the causal mask alone hides it.

    Parameters
    ----------
    width : int
        Width D; a multiple of ``heads``.
    layers : int
        Number of layers.
    heads : int
        Number of attention heads.
    inner_width : int
        Width of the feed-forward layers.
    dropout, attention_dropout : float
        Dropout of hidden states and of attention weights.
    max_length : int
        Longest sequence.
    from_end : bool
        Count positions from the last real item, so that it has the same position in short sequences and in long ones
        (SASRec's own code, which pads to the left), not from the first (RecBole).

    Raises
    ------
    ValueError
        If ``width`` is not a multiple of ``heads``.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        inner_width: int,
        dropout: float,
        attention_dropout: float,
        max_length: int,
        from_end: bool = False,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.from_end = from_end
        self.position = nn.Parameter(torch.empty(max_length, width))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    _Attention(width, heads, dropout, attention_dropout), FeedForward(width, inner_width, dropout)
                )
                for _ in range(layers)
            )
        )
        self.apply(init_linear)
        nn.init.normal_(self.position, std=0.02)

    @classmethod
    def from_settings(cls, settings: BackboneSettings) -> Self:
        """See `Backbone`."""
        return cls(
            width=settings.hidden_size,
            layers=settings.n_layers,
            heads=settings.n_heads,
            inner_width=settings.inner_size,
            dropout=settings.hidden_dropout_prob,
            attention_dropout=settings.attn_dropout_prob,
            max_length=settings.MAX_ITEM_LIST_LENGTH,
            from_end=settings.positions == "end",
        )

    def roles(self) -> dict[str, Role]:
        """See `Backbone`; positions are the domain's own, since its sequences have other lengths."""
        return {**super().roles(), "position": Role.ITEMS, "norm": Role.INPUT}

    def forward(self, x_BLD: Tensor, length_B: Tensor | None = None, *, twice_differentiable: bool = False) -> Tensor:
        """See `Backbone`."""
        x_BLD = self._with_positions(x_BLD, length_B)
        if not twice_differentiable:
            return self._encode(x_BLD)
        # The fused attention kernels have no second derivative.
        with sdpa_kernel(SDPBackend.MATH):
            return self._encode(x_BLD)

    def at(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """See `Backbone`; for scoring, without attention dropout."""
        *below, last = cast(list[nn.Sequential], list(self.layers))
        x_BLD = self._with_positions(x_BLD, place_B + 1)
        for layer in below:
            x_BLD = layer(x_BLD)
        encoded: Tensor = last[1](cast(_Attention, last[0]).at(x_BLD, place_B))
        return encoded

    def _with_positions(self, x_BLD: Tensor, length_B: Tensor | None) -> Tensor:
        length, (longest, width) = x_BLD.shape[1], self.position.shape
        if not self.from_end:
            position = self.position[:length]
        elif length_B is None:
            position = self.position[longest - length :]
        else:
            place_BL = torch.arange(length, device=x_BLD.device) + (longest - length_B[:, None])
            rows = place_BL.clamp(max=longest - 1).flatten()  # padding takes the last one
            position = self.position.index_select(0, rows).view(-1, length, width)
        with_positions: Tensor = self.dropout(self.norm(x_BLD + position))
        return with_positions

    def _encode(self, x_BLD: Tensor) -> Tensor:
        encoded: Tensor = self.layers(x_BLD)
        return encoded
