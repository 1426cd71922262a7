"""The evidence of a domain beside a model's scores: its memory of transitions, and repeats."""

# Shapes: B sequences, L positions, I items (row 0 is padding).

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.domains.domain import Domain
from recbole_metarec.evidence.memory import TransitionMemory
from recbole_metarec.evidence.transitions import share_of_repeats, transitions
from recbole_metarec.evidence.weights import EvidenceWeights
from recbole_metarec.settings.evidence import EvidenceSettings

# Until validation says more, items do not come twice where no larger share of a domain's interactions are repeats.
REPEAT_SHARE = 0.001


class Evidence(nn.Module):
    """What a domain's sequences say without gradient descent, and how much of it is joined to scores.

    Its tables are made from the data and stay out of ``state_dict``; see `state` for what a checkpoint keeps.

    Parameters
    ----------
    memory : TransitionMemory, optional
    weights : EvidenceWeights
    alone : bool
        Whether nothing else scores, so that the memory needs no weight.

    Attributes
    ----------
    weights : EvidenceWeights
        Those that count where no others are tried.
    """

    def __init__(self, memory: TransitionMemory | None, weights: EvidenceWeights, alone: bool = False) -> None:
        super().__init__()
        self.memory, self.alone = memory, alone
        self.weights = weights

    @classmethod
    def fit(cls, domain: Domain, settings: EvidenceSettings, alone: bool = False) -> Self:
        """Count what a domain says.

        Parameters
        ----------
        domain : Domain
            The training part of a target.
        settings : EvidenceSettings
        alone : bool
            Whether nothing else scores: the memory is needed, and its weight is infinite; it is 0 otherwise.

        Returns
        -------
        Evidence
        """
        memory = fit_memory(domain, settings) if alone or settings.memory_weight != 0 else None
        repeats = settings.repeat_items
        if repeats == "auto":
            repeats = share_of_repeats(domain) > REPEAT_SHARE
        return cls(memory, EvidenceWeights(math.inf if alone else 0.0, 0.0 if repeats else math.inf), alone)

    def joined(
        self, scores_BI: Tensor, item_seq: Tensor, item_seq_len: Tensor, trials: Iterable[EvidenceWeights]
    ) -> Iterator[Tensor]:
        """Join the scores of sequences with memory and penalty of repeats, with one set of weights after the other.

        The memory is asked once.

        Parameters
        ----------
        scores_BI : Tensor, shape (B, I)
            Minus infinity for padding; as it was when all are done.
        item_seq : LongTensor, shape (B, L)
            Item ids, right-padded with 0.
        item_seq_len : LongTensor, shape (B,)
            Number of items in each sequence, at least 1.
        trials : iterable of EvidenceWeights

        Yields
        ------
        Tensor, shape (B, I)
            Until the next is asked for.
        """
        memory_BI: Tensor | None = None
        for memory_weight, repeat_penalty in trials:
            joined_BI = scores_BI
            if self.memory is not None and memory_weight != 0:
                memory_BI = self.memory(item_seq, item_seq_len) if memory_BI is None else memory_BI
                if memory_weight == math.inf:
                    joined_BI = memory_BI.where(~scores_BI.isneginf(), scores_BI)
                else:
                    joined_BI = torch.add(scores_BI, memory_BI, alpha=memory_weight)
            if repeat_penalty == 0:
                yield joined_BI
            else:
                without_BL = joined_BI.gather(1, item_seq)
                yield joined_BI.scatter_(1, item_seq, without_BL - repeat_penalty)
                joined_BI.scatter_(1, item_seq, without_BL)

    def state(self) -> dict[str, Any]:
        """Return the plain values that a checkpoint keeps."""
        return self.weights._asdict()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        KeyError
            If a weight is missing.
        """
        self.weights = EvidenceWeights(*(state[name] for name in EvidenceWeights._fields))


def fit_memory(domain: Domain, settings: EvidenceSettings) -> TransitionMemory:
    """Count the transitions of a domain; see `TransitionMemory`."""
    known, background, popularity = transitions(
        domain, settings.memory_reach, settings.memory_backward, settings.memory_smoothing
    )
    return TransitionMemory(
        torch.from_numpy(known.indptr.astype(np.int64)),
        torch.from_numpy(known.indices.astype(np.int64)),
        torch.from_numpy(known.data),
        torch.from_numpy(background),
        torch.from_numpy(popularity),
        decay=settings.memory_decay,
        depth=settings.memory_depth,
    )
