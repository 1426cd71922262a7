"""Next-item cross entropy: over the whole catalogue, or over sampled negatives with correction.

Neither holds a matrix of positions by items.
"""

# Shapes: N positions, I items (row 0 is padding), M negatives, D width.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy, softplus

# Logits in a block: on a CPU they fit its caches, elsewhere they bound the memory.
_BLOCK = {True: 2**19, False: 2**26}


def full_softmax(states_ND: Tensor, items_ID: Tensor, targets_N: Tensor, twice_differentiable: bool = False) -> Tensor:
    """Cross entropy over all items but padding.

    Block by block of positions, a gradient as soon as its logits are there, as in Liger's fused linear cross entropy
    (https://github.com/linkedin/Liger-Kernel).

    Parameters
    ----------
    states_ND : Tensor, shape (N, D)
        Encoder states.
    items_ID : Tensor, shape (I, D)
        Vectors of all items; row 0 is padding and no candidate.
    targets_N : LongTensor, shape (N,)
        Item ids, 1 or more.
    twice_differentiable : bool
        Leave the gradient to autograd, which holds all logits but knows second derivatives.

    Returns
    -------
    Tensor, scalar
        Mean over positions.
    """
    if twice_differentiable:
        return cross_entropy(states_ND @ items_ID[1:].T, targets_N - 1)
    loss: Tensor = _BlockedSoftmax.apply(states_ND, items_ID[1:], targets_N - 1)  # type: ignore[no-untyped-call]
    return loss


class _BlockedSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states_ND: Tensor, items_ID: Tensor, targets_N: Tensor) -> Tensor:
        by_states_ND, by_items_ID = torch.empty_like(states_ND), torch.zeros_like(items_ID)
        total = states_ND.new_zeros((), dtype=torch.promote_types(states_ND.dtype, torch.float32))
        block = _rows_of_block(states_ND, len(items_ID))
        for part, targets_n1, by_part in zip(
            states_ND.split(block), targets_N[:, None].split(block), by_states_ND.split(block), strict=True
        ):
            logits_nI = (part @ items_ID.T).to(total.dtype)
            total += _cross_entropy_(logits_nI, targets_n1, len(states_ND))
            by_part.copy_(logits_nI @ items_ID)
            by_items_ID += logits_nI.T @ part
        ctx.save_for_backward(by_states_ND, by_items_ID)
        return total / len(states_ND)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        by_states_ND, by_items_ID = ctx.saved_tensors
        return gradient * by_states_ND, gradient * by_items_ID, None


def _rows_of_block(like: Tensor, columns: int) -> int:
    return max(1, _BLOCK[like.device.type == "cpu"] // columns)


def _cross_entropy_(logits_nC: Tensor, targets_n1: Tensor, n_rows: int) -> Tensor:
    """Return the sum of a block's cross entropies; its logits become their gradient, of the mean over all rows."""
    logits_nC -= logits_nC.amax(1, keepdim=True)
    total = -logits_nC.gather(1, targets_n1).sum()
    sums_n1 = logits_nC.exp_().sum(1, keepdim=True)
    total += sums_n1.log().sum()
    logits_nC.div_(sums_n1 * n_rows)
    logits_nC.scatter_add_(1, targets_n1, logits_nC.new_full(targets_n1.shape, -1 / n_rows))
    return total


def sampled_softmax(
    states_ND: Tensor,
    positives_ND: Tensor,
    negatives_MD: Tensor,
    targets_N: Tensor,
    negative_ids_M: Tensor,
    log_inclusion_positives_N: Tensor,
    log_inclusion_negatives_M: Tensor,
    twice_differentiable: bool = False,
) -> Tensor:
    """Cross entropy over the target and M negatives that all positions share, with the logQ correction.

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
        Ids of the negatives, each once.
    log_inclusion_positives_N, log_inclusion_negatives_M : Tensor
        Log of the probability that each candidate is among the negatives.
    twice_differentiable : bool
        See `full_softmax`.

    Returns
    -------
    Tensor, scalar
        Mean over positions.
    """
    positive_N = (states_ND * positives_ND).sum(-1) - log_inclusion_positives_N
    if twice_differentiable:
        negative_NM = states_ND @ negatives_MD.T - log_inclusion_negatives_M
        own_NM = targets_N[:, None] == negative_ids_M
        # -log(e^p / (e^p + sum_m e^n_m))
        return softplus(negative_NM.masked_fill(own_NM, -torch.inf).logsumexp(1) - positive_N).mean()
    sorted_M, order_M = negative_ids_M.sort()
    place_N = torch.searchsorted(sorted_M, targets_N).clamp(max=len(sorted_M) - 1)
    own_N = order_M[place_N].where(sorted_M[place_N] == targets_N, len(sorted_M))
    loss: Tensor = _BlockedSampledSoftmax.apply(  # type: ignore[no-untyped-call]
        states_ND, negatives_MD, positive_N, own_N, log_inclusion_negatives_M
    )
    return loss


class _BlockedSampledSoftmax(torch.autograd.Function):
    """Columns are the M negatives and, last, the target, so that M stands for a target that is no negative."""

    @staticmethod
    def forward(
        ctx: Any, states_ND: Tensor, negatives_MD: Tensor, positive_N: Tensor, own_N: Tensor, log_inclusion_M: Tensor
    ) -> Tensor:
        n_negatives = len(negatives_MD)
        by_states_ND, by_negatives_MD = torch.empty_like(states_ND), torch.zeros_like(negatives_MD)
        by_positive_N, total = torch.empty_like(positive_N), positive_N.new_zeros(())
        block = _rows_of_block(states_ND, n_negatives + 1)
        for part, positive_n1, own_n1, by_part, by_positive_n in zip(
            states_ND.split(block),
            positive_N[:, None].split(block),
            own_N[:, None].split(block),
            by_states_ND.split(block),
            by_positive_N.split(block),
            strict=True,
        ):
            logits_nC = positive_n1.new_empty(len(part), n_negatives + 1)
            torch.sub(part @ negatives_MD.T, log_inclusion_M, out=logits_nC[:, :-1])
            logits_nC.scatter_(1, own_n1, -torch.inf)
            logits_nC[:, -1:] = positive_n1
            total += _cross_entropy_(logits_nC, torch.full_like(own_n1, n_negatives), len(states_ND))
            by_part.copy_(logits_nC[:, :-1] @ negatives_MD)
            by_negatives_MD += logits_nC[:, :-1].T @ part
            by_positive_n.copy_(logits_nC[:, -1])
        ctx.save_for_backward(by_states_ND, by_negatives_MD, by_positive_N)
        return total / len(states_ND)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        by_states_ND, by_negatives_MD, by_positive_N = ctx.saved_tensors
        return gradient * by_states_ND, gradient * by_negatives_MD, gradient * by_positive_N, None, None


class NegativeSampler:
    """Draw item ids in proportion to a power of their popularity.

    Parameters
    ----------
    item_counts : Tensor, shape (I,)
        Interactions of each item; entry 0 (padding) is never drawn.
    power : float
        0 draws uniformly, 1 by popularity.
    unseen : bool
        Whether items without an interaction are drawn, too, as those with one are.
    """

    def __init__(self, item_counts: Tensor, power: float, unseen: bool = True) -> None:
        counts = item_counts[1:]
        weights = counts.clamp(min=1).double().pow(power) * ((counts > 0) | unseen)
        self.probabilities = torch.cat([weights.new_zeros(1), weights / weights.sum()])
        self._cumulative = self.probabilities.cumsum(0)
        self._last = int(self.probabilities.nonzero().max())

    def draw(self, number: int, generator: torch.Generator) -> Tensor:
        """Draw ``number`` ids with replacement, and return each once: at most ``number``, in rising order."""
        points = torch.rand(number, generator=generator, dtype=torch.float64)
        drawn = torch.searchsorted(self._cumulative, points, right=True).clamp(1, self._last)
        distinct: Tensor = drawn.unique()
        return distinct

    def log_inclusion(self, number: int) -> Tensor:
        """Log of the probability that an item is among ``number`` draws, shape (I,); of padding, minus infinity."""
        return torch.log(-torch.expm1(number * torch.log1p(-self.probabilities))).float()
