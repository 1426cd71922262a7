"""Next-item cross entropy: over the whole catalogue, or over sampled negatives with correction."""

# Shapes: N positions, I items (row 0 is padding), M negatives, D width.

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def full_softmax(states_ND: Tensor, items_ID: Tensor, targets_N: Tensor) -> Tensor:
    """Cross entropy over all items but padding.

    Parameters
    ----------
    states_ND : Tensor, shape (N, D)
        Encoder states.
    items_ID : Tensor, shape (I, D)
        Vectors of all items; row 0 is padding and no candidate.
    targets_N : LongTensor, shape (N,)
        Item ids, 1 or more.

    Returns
    -------
    Tensor, scalar
        Mean over positions.
    """
    return cross_entropy(states_ND @ items_ID[1:].T, targets_N - 1)


def sampled_softmax(
    states_ND: Tensor,
    positives_ND: Tensor,
    negatives_MD: Tensor,
    targets_N: Tensor,
    negative_ids_M: Tensor,
    log_inclusion_positives_N: Tensor,
    log_inclusion_negatives_M: Tensor,
) -> Tensor:
    """Cross entropy over the target and M distinct negatives that all positions share, with the logQ correction.

    A negative that is a position's own target is no candidate there. Source: Bengio and Senécal 2008;
    Yi et al. 2019, https://research.google/pubs/pub48840. The correction is by inclusion probabilities: expected
    counts, which exceed 1 for popular items, would push those down.

    Parameters
    ----------
    states_ND : Tensor, shape (N, D)
        Encoder states.
    positives_ND : Tensor, shape (N, D)
        Vector of each position's target.
    negatives_MD : Tensor, shape (M, D)
        Vectors of the negatives.
    targets_N : LongTensor, shape (N,)
        Target ids.
    negative_ids_M : LongTensor, shape (M,)
        Ids of the negatives.
    log_inclusion_positives_N, log_inclusion_negatives_M : Tensor
        Log of the probability that each candidate is among the negatives.

    Returns
    -------
    Tensor, scalar
        Mean over positions.
    """
    positive_N1 = ((states_ND * positives_ND).sum(-1) - log_inclusion_positives_N)[:, None]
    negative_NM = states_ND @ negatives_MD.T - log_inclusion_negatives_M
    negative_NM = negative_NM.masked_fill(targets_N[:, None] == negative_ids_M, -torch.inf)
    logits = torch.cat([positive_N1, negative_NM], 1)
    return cross_entropy(logits, torch.zeros_like(targets_N))


class NegativeSampler:
    """Draw item ids in proportion to a power of their popularity.

    Parameters
    ----------
    item_counts : Tensor, shape (I,)
        Interactions of each item; entry 0 (padding) is never drawn.
    power : float
        0 draws uniformly, 1 by popularity. Items without an interaction count as one.
    """

    def __init__(self, item_counts: Tensor, power: float) -> None:
        weights = item_counts[1:].clamp(min=1).double().pow(power)
        self.probabilities = torch.cat([weights.new_zeros(1), weights / weights.sum()])
        self._cumulative = self.probabilities.cumsum(0)

    def draw(self, number: int, generator: torch.Generator) -> Tensor:
        """Draw ``number`` ids with replacement, and return each once: at most ``number``, in rising order."""
        points = torch.rand(number, generator=generator, dtype=torch.float64)
        drawn = torch.searchsorted(self._cumulative, points, right=True).clamp(1, len(self.probabilities) - 1)
        distinct: Tensor = drawn.unique()
        return distinct

    def log_inclusion(self, number: int) -> Tensor:
        """Log of the probability that an item is among ``number`` draws, shape (I,); of padding, minus infinity."""
        return torch.log(-torch.expm1(number * torch.log1p(-self.probabilities))).float()
