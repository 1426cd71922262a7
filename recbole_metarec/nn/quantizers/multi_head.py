"""Multi-head vector quantization: item embeddings of every domain into one shared space.

Paper: MetaRec, https://arxiv.org/abs/2411.01785; the quantizer follows VQ-VAE, https://arxiv.org/abs/1711.00937,
and the return contract and dead-code revival follow https://github.com/lucidrains/vector-quantize-pytorch.
"""

# Shapes: N vectors, D width, H heads, C code width, K codes a head.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.nn.quantizers.base import Quantized, Quantizer
from recbole_metarec.settings.quantizer import QuantizerSettings

# Below this decayed count a moving average has no digits left: the code stays where it is.
MIN_USAGE = 1e-6

# Distances in a block of the search: on a CPU they fit the second-level cache, elsewhere they bound the memory.
_BLOCK = {True: 2**18, False: 2**26}


class MultiHeadQuantizer(Quantizer):
    """Split a vector into heads, replace each by its nearest code, and join the codes again.

    ``p_h = W_h z_h``; ``k_h`` is the nearest code of codebook ``h``; ``z_q = W_out [c_1 ; … ; c_H]``, with the
    straight-through gradient. The loss is ``mean_h(|sg(p) - c|^2 + beta |p - sg(c)|^2)`` (VQ-VAE eq. 3).
    With moving-average codebooks `update` stands in for the first term.

    Parameters
    ----------
    width : int
        Width D of the vectors; a multiple of ``heads``.
    heads : int
        Number of heads H.
    codes : int
        Number of codes K in each head's codebook.
    code_width : int
        Width C of a code.
    commitment : float
        Weight beta of the commitment loss.
    moving_average : float, optional
        Decay of moving-average codebooks (VQ-VAE appendix A.1); ``None`` learns the codebooks by gradient.
    residual : bool
        Return ``z + z_q`` in place of ``z_q``: what quantization throws away stays.
    usage_decay : float
        Decay of the usage statistics by which `revive` finds dead codes, when there are no moving averages.

    Raises
    ------
    ValueError
        If ``width`` is not a multiple of ``heads``.
    """

    codebook: Tensor
    usage: Tensor
    sums: Tensor

    def __init__(
        self,
        width: int,
        heads: int,
        codes: int,
        code_width: int,
        commitment: float = 0.25,
        moving_average: float | None = None,
        residual: bool = False,
        usage_decay: float = 0.99,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads, self.codes, self.code_width = heads, codes, code_width
        self.commitment, self.residual = commitment, residual
        self.moving_average = moving_average
        self.decay = usage_decay if moving_average is None else moving_average
        self.project_in = nn.Parameter(torch.empty(heads, width // heads, code_width))
        nn.init.orthogonal_(self.project_in)
        self.project_out = nn.Linear(heads * code_width, width, bias=False)
        nn.init.orthogonal_(self.project_out.weight)
        codebook = torch.randn(heads, codes, code_width)
        if moving_average is None:
            self.codebook = nn.Parameter(codebook)
        else:
            self.register_buffer("codebook", codebook)
            self.register_buffer("sums", codebook.clone())
        self.register_buffer("usage", torch.ones(heads, codes))

    @classmethod
    def from_settings(cls, settings: QuantizerSettings, width: int) -> Self:
        """See `Quantizer`."""
        return cls(
            width=width,
            heads=settings.quantizer_heads,
            codes=settings.codebook_size,
            code_width=settings.code_size,
            commitment=settings.commitment_weight,
            moving_average=settings.codebook_decay if settings.codebook_update == "moving_average" else None,
            residual=settings.quantizer_residual,
        )

    def forward(self, z_ND: Tensor, codes_NH: Tensor | None = None) -> Quantized:
        """See `Quantizer`; the loss is averaged over vectors, heads and code width."""
        p_NHC = self.project(z_ND)
        codes_NH = self.nearest(p_NHC) if codes_NH is None else codes_NH
        c_NHC = self.lookup(codes_NH)
        by_gradient = float(self.moving_average is None)
        straight_NHC, loss = _StraightThrough.apply(  # type: ignore[no-untyped-call]
            p_NHC, c_NHC, self.commitment, by_gradient
        )
        vectors = self.project_out(straight_NHC.flatten(1))
        return Quantized(vectors + z_ND if self.residual else vectors, codes_NH, loss)

    def decode(self, codes_NH: Tensor) -> Tensor:
        """Turn codes into quantized vectors, without a residual part.

        Parameters
        ----------
        codes_NH : LongTensor, shape (N, H)

        Returns
        -------
        Tensor, shape (N, D)
        """
        vectors: Tensor = self.project_out(self.lookup(codes_NH).flatten(1))
        return vectors

    def project(self, z_ND: Tensor) -> Tensor:
        """Project each head's part of the vectors to code width, shape (N, H, C)."""
        p_NE: Tensor = z_ND @ torch.block_diag(*self.project_in)
        return p_NE.view(-1, self.heads, self.code_width)

    @torch.no_grad()
    def nearest(self, p_NHC: Tensor) -> Tensor:
        """Find the nearest code of each head, shape (N, H).

        ``|p - c|^2`` is the product of ``(p, |p|^2, 1)`` and ``(-2 c, 1, |c|^2)``. A code's number rides in the last
        bits of its distance (8 of 23 for 256 codes), so that the smallest value tells the nearest code: finding
        places is much slower than finding values on a CPU. Blocks of items stay in its cache.
        """
        number_of_bits = (self.codes - 1).bit_length()
        real, bits = (torch.float32, torch.int32) if number_of_bits <= 10 else (torch.float64, torch.int64)
        with torch.autocast(p_NHC.device.type, enabled=False):
            # What vectors and codes have in common would leave no digits to what sets them apart.
            common_H1C = self.codebook.to(real).mean(1, keepdim=True)
            p_HNC, c_HKC = p_NHC.transpose(0, 1).to(real) - common_H1C, self.codebook.to(real) - common_H1C
            p_HNE = torch.cat([p_HNC, p_HNC.square().sum(-1, keepdim=True), torch.ones_like(p_HNC[..., :1])], -1)
            c_HKE = torch.cat([-2 * c_HKC, torch.ones_like(c_HKC[..., :1]), c_HKC.square().sum(-1, keepdim=True)], -1)
            c_HEK = c_HKE.transpose(1, 2).contiguous()
            number_K = torch.arange(self.codes, dtype=bits, device=p_HNC.device)
            block = max(1, _BLOCK[p_HNC.device.type == "cpu"] // (self.heads * self.codes))
            found_HN = torch.cat(
                [
                    torch.bmm(part, c_HEK).view(bits).bitwise_and_(-1 << number_of_bits).bitwise_or_(number_K).amin(-1)
                    for part in p_HNE.split(block, 1)
                ],
                1,
            )
        return found_HN.bitwise_and_((1 << number_of_bits) - 1).T.long()

    def lookup(self, codes_NH: Tensor) -> Tensor:
        """Return the code vectors, shape (N, H, C)."""
        found = self.codebook.flatten(0, 1).index_select(0, self._rows(codes_NH).flatten())
        return found.view(*codes_NH.shape, self.code_width)

    def _rows(self, codes_NH: Tensor) -> Tensor:
        """Return the rows of codes when the codebooks are laid one below the other."""
        return codes_NH + torch.arange(self.heads, device=codes_NH.device) * self.codes

    @torch.no_grad()
    def update(self, z_ND: Tensor, codes_NH: Tensor) -> None:
        """See `Quantizer`; moving averages move the codebooks."""
        flat = self._rows(codes_NH).flatten()
        counts = torch.bincount(flat, minlength=self.heads * self.codes).to(z_ND.dtype)
        self.usage.lerp_(counts.view_as(self.usage), 1 - self.decay)
        if self.moving_average is not None:
            p_NHC = self.project(z_ND)
            sums = torch.zeros_like(self.sums).flatten(0, 1).index_add_(0, flat, p_NHC.flatten(0, 1))
            self.sums.lerp_(sums.view_as(self.sums), 1 - self.decay)
            alive_HK1 = self.usage[..., None] > MIN_USAGE
            means_HKC = self.sums / self.usage.clamp(min=MIN_USAGE)[..., None]
            self.codebook.copy_(torch.where(alive_HK1, means_HKC, self.codebook))

    @torch.no_grad()
    def revive(self, z_ND: Tensor, threshold: float, generator: torch.Generator | None = None) -> int:
        """See `Quantizer`; codes are projected vectors, drawn at random."""
        dead_HK = self.usage < threshold
        total = int(dead_HK.sum())
        if total:
            p_NHC = self.project(z_ND)
            head = dead_HK.nonzero()[:, 0]
            draw = torch.randint(len(p_NHC), (total,), generator=generator).to(head.device)
            seeds = p_NHC[draw, head]
            # Several codes may draw the same item: a hair's breadth between them lets them part.
            noise = torch.randn(seeds.shape, generator=generator).to(seeds)
            seeds = seeds + 0.01 * p_NHC.std(correction=0) * noise
            self.codebook[dead_HK] = seeds
            if self.moving_average is not None:
                self.sums[dead_HK] = seeds
            self.usage[dead_HK] = 1.0
        return total


class _StraightThrough(torch.autograd.Function):
    """Codes in place of vectors, whose gradient goes to the vectors; and the loss that draws both together.

    ``beta |p - sg(c)|^2 + gamma |sg(p) - c|^2``, averaged. Twice differentiable, ``sg`` being a constant each time.
    """

    @staticmethod
    def forward(ctx: Any, p_NHC: Tensor, c_NHC: Tensor, beta: float, gamma: float) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(p_NHC, c_NHC)
        ctx.weights = beta, gamma
        return c_NHC.clone(), (beta + gamma) * (p_NHC - c_NHC).square().mean()

    @staticmethod
    def backward(ctx: Any, by_vectors: Tensor, by_loss: Tensor) -> tuple[Tensor, Tensor, None, None]:
        p_NHC, c_NHC = ctx.saved_tensors
        beta, gamma = ctx.weights
        scale = 2 / max(1, p_NHC.numel()) * by_loss
        by_p_NHC = by_vectors + beta * scale * (p_NHC - c_NHC.detach())
        return by_p_NHC, gamma * scale * (c_NHC - p_NHC.detach()), None, None
