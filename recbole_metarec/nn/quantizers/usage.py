"""How a catalogue uses the codes of a quantizer."""

# Shapes: N vectors, H heads, K codes a head.

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Usage(NamedTuple):
    """How a catalogue uses the codebooks.

    Attributes
    ----------
    share : float
        Share of the codes that some item uses, over all heads.
    attainable : float
        Largest share that so many items can use.
    perplexity : float
        Exponential of the entropy of code use, averaged over heads; K when all codes are used alike.
    collisions : float
        Share of the items whose codes another item has, too.
    """

    share: float
    attainable: float
    perplexity: float
    collisions: float


def codebook_usage(codes_NH: Tensor, codes: int) -> Usage:
    """Measure codebook usage.

    Parameters
    ----------
    codes_NH : LongTensor, shape (N, H)
        Codes of each item.
    codes : int
        Number of codes K in a codebook.

    Returns
    -------
    Usage
    """
    heads = codes_NH.shape[1]
    counts_HK = torch.zeros(heads, codes, device=codes_NH.device)
    counts_HK.scatter_add_(1, codes_NH.T, torch.ones_like(codes_NH.T, dtype=torch.float))
    p_HK = counts_HK / counts_HK.sum(1, keepdim=True)
    entropy_H = -torch.special.xlogy(p_HK, p_HK).sum(1)
    _, twins_N, sizes = codes_NH.unique(dim=0, return_inverse=True, return_counts=True)
    return Usage(
        share=float((counts_HK > 0).float().mean()),
        attainable=min(1.0, len(codes_NH) / codes),
        perplexity=float(entropy_H.exp().mean()),
        collisions=float((sizes[twins_N] > 1).float().mean()),
    )
