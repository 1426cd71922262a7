"""Backbones: causal sequence encoders, each from item vectors to one state a position."""

# Shapes: B sequences, L positions, D width, S state size of the recurrence.

from __future__ import annotations

import math
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from recbole_metarec.nn.dropout import Dropout


class Backbone(Protocol):
    """Contract of every backbone: position ``l`` of the result depends on inputs 0 to ``l`` alone."""

    def __call__(self, x_BLD: Tensor, length_B: Tensor | None = None, *, twice_differentiable: bool = False) -> Tensor:
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
        ...

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
        ...


def _pick(x_BLD: Tensor, place_B: Tensor) -> Tensor:
    return x_BLD[torch.arange(len(place_B), device=place_B.device), place_B]


class _FeedForward(nn.Module):
    def __init__(self, width: int, inner_width: int, dropout: float, inner_dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, inner_width), nn.GELU(), Dropout(inner_dropout), nn.Linear(inner_width, width)
        )
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        normed: Tensor = self.norm(x_BLD + self.dropout(self.layers(x_BLD)))
        return normed


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
        own_BD = _pick(x_BLD, place_B)
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


class TransformerBackbone(nn.Module):
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
                    _Attention(width, heads, dropout, attention_dropout), _FeedForward(width, inner_width, dropout)
                )
                for _ in range(layers)
            )
        )
        self.apply(_init_linear)
        nn.init.normal_(self.position, std=0.02)

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


class GRUBackbone(nn.Module):
    """Stacked GRU.

    Source: GRU4Rec, https://arxiv.org/abs/1511.06939, in the form of RecBole's ``gru4rec.py``.

    Parameters
    ----------
    width : int
        Width D.
    layers : int
        Number of layers.
    inner_width : int
        Width of the recurrent state.
    dropout : float
        Dropout of the input and between layers.
    """

    def __init__(self, width: int, layers: int, inner_width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.gru = nn.GRU(width, inner_width, layers, bias=False, batch_first=True, dropout=dropout * (layers > 1))
        self.out = nn.Linear(inner_width, width)
        for name, parameter in self.gru.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x_BLD: Tensor, length_B: Tensor | None = None, *, twice_differentiable: bool = False) -> Tensor:
        """See `Backbone`."""
        # cuDNN's recurrence has no second derivative.
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not twice_differentiable):
            states, _ = self.gru(self.dropout(x_BLD))
        encoded: Tensor = self.out(states)
        return encoded

    def at(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """See `Backbone`."""
        return _pick(self(x_BLD), place_B)


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
        log_lambda = torch.complex(-self.nu_log.exp(), self.theta_log.exp())
        h_BLS = _scan(torch.complex(gamma * real, gamma * imaginary), log_lambda)
        y_BLD: Tensor = self.c_out(torch.cat([h_BLS.real, h_BLS.imag], -1))
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
        self.recurrence = _LinearRecurrence(width, 2 * width)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)
        self.feed_forward = _FeedForward(width, inner_width, dropout, dropout)

    def forward(self, x_BLD: Tensor) -> Tensor:
        x_BLD = self.norm(x_BLD + self.dropout(self.recurrence(x_BLD)))
        encoded: Tensor = self.feed_forward(x_BLD)
        return encoded


class LRUBackbone(nn.Module):
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
        self.apply(_init_linear)

    def forward(self, x_BLD: Tensor, length_B: Tensor | None = None, *, twice_differentiable: bool = False) -> Tensor:
        """See `Backbone`."""
        encoded: Tensor = self.blocks(self.norm(self.dropout(x_BLD)))
        return encoded

    def at(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """See `Backbone`."""
        return _pick(self(x_BLD), place_B)


def _init_linear(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


BACKBONES = ("transformer", "gru", "lru")


def build_backbone(
    name: str,
    *,
    width: int,
    layers: int,
    heads: int,
    inner_width: int,
    dropout: float,
    attention_dropout: float,
    max_length: int,
    from_end: bool = False,
) -> TransformerBackbone | GRUBackbone | LRUBackbone:
    """Build a backbone by name; a backbone ignores what it has no use for.

    Parameters
    ----------
    name : {"transformer", "gru", "lru"}
        Which backbone.
    width, layers, heads, inner_width, dropout, attention_dropout, max_length, from_end
        See `TransformerBackbone`.

    Returns
    -------
    TransformerBackbone or GRUBackbone or LRUBackbone

    Raises
    ------
    ValueError
        If there is no backbone of that name.
    """
    if name == "transformer":
        return TransformerBackbone(width, layers, heads, inner_width, dropout, attention_dropout, max_length, from_end)
    if name == "gru":
        return GRUBackbone(width, layers, inner_width, dropout)
    if name == "lru":
        return LRUBackbone(width, layers, inner_width, dropout)
    raise ValueError(f"unknown backbone {name!r}, choose one of {', '.join(BACKBONES)}")


def backbone_of(config: Any) -> TransformerBackbone | GRUBackbone | LRUBackbone:
    """Build the backbone that a configuration describes.

    Parameters
    ----------
    config : mapping
        The backbone's keys of ``properties/model/``, and ``MAX_ITEM_LIST_LENGTH``.

    Returns
    -------
    TransformerBackbone or GRUBackbone or LRUBackbone
    """
    return build_backbone(
        config["backbone"],
        width=config["hidden_size"],
        layers=config["n_layers"],
        heads=config["n_heads"],
        inner_width=config["inner_size"],
        dropout=config["hidden_dropout_prob"],
        attention_dropout=config["attn_dropout_prob"],
        max_length=config["MAX_ITEM_LIST_LENGTH"],
        from_end=config["positions"] == "end",
    )
