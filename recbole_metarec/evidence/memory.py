"""What a domain's own sequences say about the next item without any learning, as a term of the scores.

As in kNN-LM (Khandelwal et al., ICLR 2020, https://arxiv.org/abs/1911.00172), a model that generalizes and a memory
that does not are made apart and joined where they are asked; here as a product of experts (Hinton, Neural Computation
2002), so that a sparse sum is all that a score costs more.
"""

# Shapes: B sequences, L positions, R positions that are read, I items (row 0 is padding), E entries of the rows read.

from __future__ import annotations

import torch
from torch import Tensor, nn


class TransitionMemory(nn.Module):
    """Log probability of the next item, from item-to-item transitions.

    Its buffers are made from the data and stay out of ``state_dict``.

    Parameters
    ----------
    offsets : LongTensor, shape (I + 1,)
        Row ``i`` of the transitions has the entries ``offsets[i]:offsets[i + 1]``.
    items : LongTensor, shape (n_entries,)
        Column of each entry.
    probabilities : Tensor, shape (n_entries,)
        Value of each entry; a row sums to ``1 - background``.
    background : Tensor, shape (I,)
        Share of each row that is spread by popularity.
    popularity : Tensor, shape (I,)
        Sums to 1; positive but for padding.
    decay : float
        Weight of an item relative to that of the item behind it, in (0, 1].
    depth : int
        Number of last items that are read.
    """

    offsets: Tensor
    items: Tensor
    probabilities: Tensor
    background: Tensor
    popularity: Tensor

    def __init__(
        self,
        offsets: Tensor,
        items: Tensor,
        probabilities: Tensor,
        background: Tensor,
        popularity: Tensor,
        decay: float,
        depth: int,
    ) -> None:
        super().__init__()
        tensors = {
            "offsets": offsets,
            "items": items,
            "probabilities": probabilities,
            "background": background,
            "popularity": popularity,
        }
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)
        self.decay, self.depth = decay, depth

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Compute the log probability of every item to be next.

        Parameters
        ----------
        item_seq : LongTensor, shape (B, L)
            Item ids, right-padded with 0.
        item_seq_len : LongTensor, shape (B,)
            Number of items in each sequence, at least 1.

        Returns
        -------
        Tensor, shape (B, I)
            Minus infinity for padding.
        """
        ago_R = torch.arange(min(self.depth, item_seq.shape[1]), device=item_seq.device)
        place_BR = item_seq_len[:, None] - 1 - ago_R
        read_BR = item_seq.gather(1, place_BR.clamp(min=0)).where(place_BR >= 0, 0)
        weight_BR = (self.decay**ago_R).expand_as(read_BR) * (place_BR >= 0)
        weight_BR = weight_BR / weight_BR.sum(1, keepdim=True)
        spread_B = (weight_BR * self.background[read_BR]).sum(1)
        probability_BI = torch.outer(spread_B, self.popularity)

        read, weight = read_BR.flatten(), weight_BR.flatten()
        first, count = self.offsets[read], self.offsets[read + 1] - self.offsets[read]
        source_E = torch.repeat_interleave(torch.arange(len(read), device=read.device), count)
        entry_E = torch.arange(len(source_E), device=read.device) + (first - count.cumsum(0) + count)[source_E]
        row_E = source_E // read_BR.shape[1]
        place_E = row_E * len(self.popularity) + self.items[entry_E]
        probability_BI.view(-1).index_add_(0, place_E, self.probabilities[entry_E] * weight[source_E])
        return probability_BI.log_()
