"""What a domain's own sequences say about the next item without any learning, as a term of the scores.

As in kNN-LM (Khandelwal et al., ICLR 2020, https://arxiv.org/abs/1911.00172), a model that generalizes and a memory
that does not are made apart and joined where they are asked; here as a product of experts (Hinton, Neural Computation
2002), so that a sparse sum is all that a score costs more.
"""

# Shapes: B sequences, L positions, R positions that are read, I items (row 0 is padding), E entries of the rows read.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.evidence.sparse import entries_of
from recbole_metarec.evidence.transitions import TransitionCounts
from recbole_metarec.settings.evidence import EvidenceSettings


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
    counts : TransitionCounts, optional
        What it is made of, so that more can be counted.
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
        counts: TransitionCounts | None = None,
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
        self.decay, self.depth, self.counts = decay, depth, counts

    @classmethod
    def of_counts(cls, counts: TransitionCounts, settings: EvidenceSettings) -> Self:
        """Make the memory of what was counted."""
        known, background, popularity = counts.probabilities(settings.memory_smoothing)
        return cls(
            torch.from_numpy(known.indptr.astype(np.int64)),
            torch.from_numpy(known.indices.astype(np.int64)),
            torch.from_numpy(known.data),
            torch.from_numpy(background),
            torch.from_numpy(popularity),
            decay=settings.memory_decay,
            depth=settings.memory_depth,
            counts=counts,
        )

    def state(self) -> dict[str, Any]:
        """Return the counts as plain arrays; see `of_state`."""
        assert self.counts is not None
        counts, had = self.counts
        return {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data, "had": had}

    @classmethod
    def of_state(cls, state: Mapping[str, Any], settings: EvidenceSettings) -> Self:
        """Make the memory of what `state` returned, exactly as it was.

        Raises
        ------
        ValueError
            If the arrays do not fit each other.
        """
        had = state["had"]
        counts = csr_array((state["counts"], state["indices"], state["indptr"]), shape=(len(had), len(had)))
        counts.check_format(full_check=True)
        return cls.of_counts(TransitionCounts(counts, had), settings)

    def shares_of(self, sequence: Tensor, item: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Say which items of a sequence lead to an item by transitions.

        Parameters
        ----------
        sequence : LongTensor, shape (L,)
        item : int

        Returns
        -------
        float64 array, shape (n,)
            For each of the last items, the very last first, its share in the evidence; all are 0 if there is none.
        """
        last = sequence.tolist()[::-1][: self.depth]
        found = np.zeros(len(last))
        for place, former in enumerate(last):
            entries = slice(int(self.offsets[former]), int(self.offsets[former + 1]))
            led = self.probabilities[entries][self.items[entries] == item].sum()
            found[place] = self.decay**place * float(led)
        return found / found.sum() if found.any() else found

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Compute the log probability of every item to be next; after no item at all, its popularity's.

        Parameters
        ----------
        item_seq : LongTensor, shape (B, L)
            Item ids, right-padded with 0.
        item_seq_len : LongTensor, shape (B,)
            Number of items in each sequence.

        Returns
        -------
        Tensor, shape (B, I)
            Minus infinity for padding.
        """
        ago_R = torch.arange(min(self.depth, item_seq.shape[1]), device=item_seq.device)
        place_BR = item_seq_len[:, None] - 1 - ago_R
        read_BR = item_seq.gather(1, place_BR.clamp(min=0)).where(place_BR >= 0, 0)
        weight_BR = (self.decay**ago_R).expand_as(read_BR) * (place_BR >= 0)
        weight_BR = weight_BR / weight_BR.sum(1, keepdim=True).clamp(min=1)  # the last item alone has 1
        spread_B = (weight_BR * self.background[read_BR]).sum(1).where(item_seq_len > 0, 1.0)
        probability_BI = torch.outer(spread_B, self.popularity)

        read, weight = read_BR.flatten(), weight_BR.flatten()
        first, count = self.offsets[read], self.offsets[read + 1] - self.offsets[read]
        source_E, entry_E = entries_of(first, count)
        row = torch.arange(len(read_BR), device=read.device).repeat_interleave(read_BR.shape[1])
        place_E = self.items.index_select(0, entry_E).add_((row * len(self.popularity)).index_select(0, source_E))
        value_E = self.probabilities.index_select(0, entry_E).mul_(weight.index_select(0, source_E))
        probability_BI.view(-1).index_add_(0, place_E, value_E)
        return probability_BI.log_()
