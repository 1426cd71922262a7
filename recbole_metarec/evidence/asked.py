"""What evidence that knows the clock says to requests of one day, and how it is weighed."""

# Shapes: B requests, R positions that are read, the last one first, I items (row 0 is padding), K kinds of evidence,
# C kinds of context, F columns of a day's table, D latent factors, Q = R * B, E entries of pairs, M some items.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recbole_metarec.evidence.kinds import COUNTED, KINDS, PAIRED, REPEATED
from recbole_metarec.evidence.pairs import SummedPairs, TimedPairs
from recbole_metarec.evidence.sparse import entries_of

NEAR, FADING, LATENT = "transitions", "transitions that fade", "latent factors"


@dataclass(frozen=True, eq=False)
class Asked:
    """Requests of one day, and what is known of them.

    Attributes
    ----------
    rows : int64 array, shape (B,)
        Which of the requests.
    lifts : dict of str to Tensor, shape (B, I)
        For `PAIRED` kinds, without the latent factors, the log of how much likelier items are than by popularity; one
        that says nothing is missing. Those that fade are not relative to the others yet, as `lift` has them.
    asked_BD : Tensor, shape (B, D)
        The latent factors to ask with.
    table_FI : Tensor, shape (8 + D, I)
        The same for all: evidence of `COUNTED` kinds, and the latent factors to score.
    history : tuple of LongTensor, shape (n,) each
        Row and item of what the users had.
    repeated_Kn : Tensor, shape (3, n)
        Evidence of `REPEATED` kinds for these.
    context_BC : Tensor, shape (B, C)
    known_I : BoolTensor, shape (I,)
        Items that somebody had before.
    """

    rows: npt.NDArray[np.int64]
    lifts: Mapping[str, Tensor]
    asked_BD: Tensor
    table_FI: Tensor
    history: tuple[Tensor, Tensor]
    repeated_Kn: Tensor
    context_BC: Tensor
    known_I: Tensor

    @property
    def table_KI(self) -> Tensor:
        """Evidence of `COUNTED` kinds, shape (8, I)."""
        return self.table_FI[: len(COUNTED)]

    @cached_property
    def latent_BI(self) -> Tensor:
        """Evidence of the latent factors, shape (B, I)."""
        return self.asked_BD @ self.table_FI[len(COUNTED) :]

    def lift(self, kind: str) -> Tensor:
        """Return the evidence of one of the `PAIRED` kinds, shape (B, I)."""
        if kind == LATENT:
            return self.latent_BI
        if kind not in self.lifts:
            return torch.zeros_like(self.latent_BI)
        return self.lifts[kind] - self.lifts[NEAR] if kind == FADING else self.lifts[kind]

    def features(self) -> Tensor:
        """Return all evidence for all items, shape (B, K, I)."""
        n_requests, n_items = self.latent_BI.shape
        features_BKI = self.latent_BI.new_zeros(n_requests, len(KINDS), n_items)
        for number, kind in enumerate(PAIRED):
            features_BKI[:, number] = self.lift(kind)
        features_BKI[:, len(PAIRED) : -len(REPEATED)] = self.table_KI
        row, item = self.history
        features_BKI[row, -len(REPEATED) :, item] = self.repeated_Kn.T
        return features_BKI

    def features_of(self, number: int, items_M: Tensor) -> Tensor:
        """Return all evidence of one request for some items, shape (K, M)."""
        features_KM = torch.zeros(len(KINDS), len(items_M))
        for place, kind in enumerate(PAIRED):
            if kind in self.lifts:
                features_KM[place] = self.lifts[kind][number, items_M]
        features_KM[PAIRED.index(FADING)] -= features_KM[PAIRED.index(NEAR)]
        features_KM[PAIRED.index(LATENT)] = self.latent_BI[number, items_M]
        features_KM[len(PAIRED) : -len(REPEATED)] = self.table_KI[:, items_M]
        row, item = self.history
        own = row == number
        is_had_nM = (item[own][:, None] == items_M).to(features_KM.dtype)
        features_KM[-len(REPEATED) :] = self.repeated_Kn[:, own] @ is_had_nM
        return features_KM

    def add_scores(self, scores_BI: Tensor, weights_KC: Tensor) -> Tensor:
        """Add all evidence, weighed by its context, to scores: ``sum_k features_k (weights_k . context)``.

        Parameters
        ----------
        scores_BI : Tensor, shape (B, I)
            Changed.
        weights_KC : Tensor, shape (K, C)

        Returns
        -------
        Tensor, shape (B, I)
            The same.
        """
        trust_BK = self.context_BC @ weights_KC.T
        trust = dict(zip(PAIRED, trust_BK.T, strict=False))
        trust[NEAR] = trust[NEAR] - trust[FADING]  # of which the evidence is relative to the others
        latent_BD = self.asked_BD * trust[LATENT][:, None]
        scores_BI.addmm_(torch.cat([trust_BK[:, len(PAIRED) : -len(REPEATED)], latent_BD], 1), self.table_FI)
        for kind, lift_BI in self.lifts.items():
            scores_BI.addcmul_(lift_BI, trust[kind][:, None])
        row, item = self.history
        repeated_n = (self.repeated_Kn * trust_BK[row, -len(REPEATED) :].T).sum(0)
        scores_BI.view(-1).index_add_(0, row * scores_BI.shape[1] + item, repeated_n)
        return scores_BI


class PairsRead:
    """The pairs of some histories' last items, as they are known on the morning of a day.

    Parameters
    ----------
    pairs : TimedPairs or SummedPairs
    item_RB : LongTensor, shape (R, B)
        The very last items first.
    there_RB : BoolTensor, shape (R, B)
        Which of them to read.
    day : int
    """

    def __init__(self, pairs: TimedPairs | SummedPairs, item_RB: Tensor, there_RB: Tensor, day: int) -> None:
        self.n_requests, self.size = item_RB.shape[1], pairs.n_items + 1
        first_Q, count_Q, self._total_QV = pairs.until(item_RB.flatten(), day)
        count_Q = count_Q * there_RB.flatten()
        self._ends_Q = count_Q.cumsum(0)
        self._source_E, self._entry_E = entries_of(first_Q, count_Q)
        row_Q = torch.arange(self.n_requests, dtype=torch.int32).repeat(len(item_RB)) * self.size
        self._place_E = pairs.after.index_select(0, self._entry_E) + row_Q.index_select(0, self._source_E)
        self._weights = [weight_P.index_select(0, self._entry_E) for weight_P in pairs.weights]

    def lift(self, share_rB: Tensor, way: int, smoothing: float, popularity_I: Tensor) -> tuple[Tensor, Tensor]:
        """Return how much likelier than by popularity items are, by the logarithm.

        Parameters
        ----------
        share_rB : Tensor, shape (r, B)
            What each of the first positions counts; a column sums to 1, or to 0 if there is nothing to ask.
        way : int
            Of weighing pairs.
        smoothing : float
            What popularity counts beside the pairs of an item.
        popularity_I : Tensor, shape (I,)

        Returns
        -------
        lift_BI : Tensor, shape (B, I)
        known_B : Tensor, shape (B,)
            How much of it is not popularity.
        """
        n_read = share_rB.numel()
        n_entries = int(self._ends_Q[n_read - 1]) if n_read else 0
        factor_rB = share_rB / (self._total_QV[:n_read, way].view(share_rB.shape) + smoothing)
        spread_B = (factor_rB * smoothing).sum(0)
        known_B = (1 - spread_B) * (share_rB.sum(0) > 0)
        factor_rB = factor_rB / spread_B.where(spread_B > 0, 1.0)
        weight_E = factor_rB.flatten().index_select(0, self._source_E[:n_entries])
        weight_E.mul_(self._weights[way][:n_entries])
        sums = torch.zeros(self.n_requests * self.size)
        sums.index_add_(0, self._place_E[:n_entries], weight_E)
        return sums.view(self.n_requests, self.size).div_(popularity_I).log1p_(), known_B
