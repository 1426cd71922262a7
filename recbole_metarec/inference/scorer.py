"""Scores of all items for sequences of item numbers, as evaluation computes them, and the best of them."""

# Shapes: B requests, L positions, D width, I items (row 0 is padding), K items wanted, n pairs.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recbole_metarec.domains.clock import days
from recbole_metarec.domains.requests import NEVER, Requests
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.inference.encoder import SequenceEncoder

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]
Pairs = tuple[Numbers, Numbers]
"""Rows of requests and items, shape (n,) each."""

# Sequences that are encoded at a time, scores in memory at a time, and rows that share a pass over all items.
_ENCODED_ROWS, _SCORES, _FEWEST_ROWS, _MOST_ROWS = 256, 2**22, 8, 256
_BLOCK = 128  # items that share a maximum


class Top(NamedTuple):
    """The best items of each request, the best first.

    Attributes
    ----------
    items : int64 array, shape (B, K)
        Item numbers; 0 where there are fewer candidates.
    scores : float32 array, shape (B, K)
        Minus infinity there.
    """

    items: Numbers
    scores: Scores


@dataclass(frozen=True, eq=False)
class Scorer:
    """What a trained model needs to score.

    Parameters
    ----------
    inputs, outputs : Tensor, shape (I, D)
        Vectors of all items, to read sequences with and to score against.
    encoder : SequenceEncoder
    evidence : Evidence
    first_days : int64 array, shape (I,), optional
        Day since 1970 on which each item was first had, where only items that were had before are candidates.
    """

    inputs: Tensor
    outputs: Tensor
    encoder: SequenceEncoder
    evidence: Evidence
    first_days: Numbers | None = None

    @property
    def n_items(self) -> int:
        """Number of items, padding left out."""
        return len(self.outputs) - 1

    @torch.no_grad()
    def states(self, requests: Requests) -> Tensor:
        """Encode the last items of sequences, shape (B, D); an empty one has the state 0."""
        states_BD = self.outputs.new_zeros(requests.size, self.outputs.shape[1])
        lengths = np.minimum(requests.end - requests.begin, self.encoder.max_length)
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        for begin in range(0, len(order), _ENCODED_ROWS):
            few = order[begin : begin + _ENCODED_ROWS]
            items_BL, length_B = self.windows(requests.take(few))
            states_BD[torch.from_numpy(few)] = self.encoder(self.inputs[items_BL], length_B)
        return states_BD

    @torch.no_grad()
    def scores(self, requests: Requests) -> Tensor:
        """Score all items.

        Parameters
        ----------
        requests : Requests
            Whole histories of item numbers, with the time of each request.

        Returns
        -------
        Tensor, shape (B, I)
            Minus infinity for padding and for what the model rules out: repeats, or items that nobody had before.
        """
        return self._joined(self.states(requests), requests)

    def own_scores(self, requests: Requests) -> Tensor:
        """Score all items by the encoder alone, shape (B, I)."""
        return self.states(requests) @ self.outputs.T

    @torch.inference_mode()
    def top(
        self,
        requests: Requests,
        k: int,
        *,
        exclude_seen: bool = True,
        candidates: Numbers | None = None,
        exclude: Pairs | None = None,
    ) -> Top:
        """Find the best items of each request; of equal scores the lower number stands first.

        Parameters
        ----------
        requests : Requests
        k : int
        exclude_seen : bool
            Whether all that a history has is left out.
        candidates : int array, shape (n,), optional
            The only items to choose from; all by default.
        exclude : pair of int array, shape (n,), optional
            Row and item of what else is left out.

        Returns
        -------
        Top
        """
        k = max(0, min(k, self.n_items if candidates is None else len(candidates)))
        found = Top(np.zeros((requests.size, k), np.int64), np.full((requests.size, k), -np.inf, np.float32))
        if not k:
            return found
        for rows, scores_BI in self.blocks(requests):
            part = requests.take(rows)
            if exclude_seen:
                row, place = part.history()
                scores_BI[torch.from_numpy(row), torch.from_numpy(part.items[place].astype(np.int64))] = -torch.inf
            if exclude is not None:
                row, item = _of_rows(exclude, rows)
                scores_BI[torch.from_numpy(row), torch.from_numpy(item)] = -torch.inf
            if candidates is not None:
                open_I = torch.zeros(scores_BI.shape[1], dtype=torch.bool)
                open_I[torch.from_numpy(candidates)] = True
                scores_BI.masked_fill_(~open_I, -torch.inf)
            items_BK, best_BK = best_of(scores_BI, k)
            found.items[rows] = items_BK.where(~best_BK.isneginf(), 0).numpy()
            found.scores[rows] = best_BK.numpy()
        return found

    @torch.no_grad()
    def blocks(self, requests: Requests) -> Iterator[tuple[Numbers, Tensor]]:
        """Score requests, as many at a time as memory is bounded to, those of one day together.

        Yields
        ------
        rows : int64 array, shape (B,)
        scores_BI : Tensor, shape (B, I)
            The caller's to change.
        """
        states_BD = self.states(requests)
        size = max(_FEWEST_ROWS, min(_MOST_ROWS, _SCORES // len(self.outputs)))
        order = np.arange(requests.size) if requests.at is None else np.argsort(days(requests.at), kind="stable")
        for begin in range(0, len(order), size):
            rows = order[begin : begin + size]
            yield rows, self._joined(states_BD[torch.from_numpy(rows)], requests.take(rows))

    def _joined(self, states_BD: Tensor, requests: Requests) -> Tensor:
        scores_BI = states_BD @ self.outputs.T
        scores_BI[:, 0] = -torch.inf
        items_BL, length_B = self.windows(requests)
        if self.first_days is not None and requests.at is not None:
            day_B = days(requests.at)
            late = np.flatnonzero(self.first_days >= day_B.min(initial=NEVER))  # of the first request; most often few
            closed_Bn = torch.from_numpy(self.first_days[late] >= day_B[:, None])
            scores_BI[:, late] = scores_BI[:, late].masked_fill_(closed_Bn, -torch.inf)
        return next(self.evidence.joined(scores_BI, items_BL, length_B, [self.evidence.weights], requests))

    def windows(self, requests: Requests) -> tuple[Tensor, Tensor]:
        """Return the last items of histories, right-padded with 0, shape (B, L), and their number, shape (B,)."""
        lengths = np.minimum(requests.end - requests.begin, self.encoder.max_length)
        place_BL = (requests.end - lengths)[:, None] + np.arange(max(1, lengths.max(initial=0)))
        real_BL = place_BL < requests.end[:, None]
        items_BL = np.where(real_BL, requests.items[np.where(real_BL, place_BL, 0)], 0)
        return torch.from_numpy(items_BL.astype(np.int64)), torch.from_numpy(lengths.astype(np.int64))


def best_of(scores_BI: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the best items of each row; of equal scores the lower number stands first.

    Parameters
    ----------
    scores_BI : Tensor, shape (B, I)
    k : int
        At most I.

    Returns
    -------
    items_BK : LongTensor, shape (B, K)
    scores_BK : Tensor, shape (B, K)
    """
    values, items = _largest(scores_BI, min(k + 1, scores_BI.shape[1]))
    for row in (values[:, -1] == values[:, k - 1]).nonzero().flatten().tolist() if values.shape[1] > k else ():
        tied = (scores_BI[row] >= values[row, k - 1]).nonzero().flatten()  # which of the last are in is not topk's say
        order = scores_BI[row, tied].argsort(descending=True, stable=True)[:k]
        values[row, :k], items[row, :k] = scores_BI[row, tied[order]], tied[order]
    items_BK, by_number = items[:, :k].sort(dim=1)
    best_BK, order_BK = values[:, :k].gather(1, by_number).sort(dim=1, descending=True, stable=True)
    return items_BK.gather(1, order_BK), best_BK


def _largest(scores_BI: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Do what ``topk`` does, reading rows once where they are long: the largest lie in blocks of the largest maxima."""
    n_rows, n_items = scores_BI.shape
    n_blocks = n_items // _BLOCK
    if n_blocks <= 2 * k or n_rows < _FEWEST_ROWS:
        return scores_BI.topk(k, dim=1)
    whole_BnS = scores_BI[:, : n_blocks * _BLOCK].view(n_rows, n_blocks, _BLOCK)
    block_BK = whole_BnS.amax(2).topk(k, dim=1).indices
    place_BKS = block_BK[:, :, None] * _BLOCK + torch.arange(_BLOCK)
    rest = torch.arange(n_blocks * _BLOCK, n_items).expand(n_rows, -1)
    place_BM = torch.cat([place_BKS.flatten(1), rest], 1)
    values, order = scores_BI.gather(1, place_BM).topk(k, dim=1)
    return values, place_BM.gather(1, order)


def _of_rows(pairs: Pairs, rows: Numbers) -> Pairs:
    """Return the pairs of some rows, each by its place among these."""
    place = np.full(int(max(rows.max(initial=0), pairs[0].max(initial=0))) + 1, -1)
    place[rows] = np.arange(len(rows))
    row = place[pairs[0]]
    return row[row >= 0], pairs[1][row >= 0]
