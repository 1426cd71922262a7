"""Items that are alike: by their vectors, or, where a model has none, by what goes with what."""

# Shapes: Q items asked about, I items (row 0 is padding), K items wanted.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.requests import Requests
from recbole_metarec.inference.scorer import Numbers, Scorer, Top, best_of

_ASKED = 64  # items at a time


@torch.no_grad()
def neighbours(scorer: Scorer, items_Q: Numbers, k: int) -> Top:
    """Find the items that are most like others.

    Parameters
    ----------
    scorer : Scorer
    items_Q : int64 array, shape (Q,)
        From 1.
    k : int

    Returns
    -------
    Top
        A row for each. Scores are cosines; where there are no vectors, the logarithm of how much likelier than by
        popularity an item is to follow, or to be had on the same day: of items above 0 alone.
    """
    k = min(k, scorer.n_items)
    found = Top(np.zeros((len(items_Q), k), np.int64), np.full((len(items_Q), k), -np.inf, np.float32))
    has_vectors = scorer.outputs.shape[1] > 0
    outputs_ID = normalize(scorer.outputs, dim=-1)
    for begin in range(0, len(items_Q), _ASKED):
        few = items_Q[begin : begin + _ASKED]
        asked = torch.from_numpy(few)
        scores_BI = outputs_ID[asked] @ outputs_ID.T if has_vectors else _lift(scorer, few)
        if not has_vectors:
            scores_BI.masked_fill_(scores_BI <= 1e-6, -torch.inf)
        scores_BI[:, 0] = -torch.inf
        scores_BI[torch.arange(len(few)), asked] = -torch.inf
        items_BK, best_BK = best_of(scores_BI, k)
        found.items[begin : begin + _ASKED] = items_BK.where(~best_BK.isneginf(), 0).numpy()
        found.scores[begin : begin + _ASKED] = best_BK.numpy()
    return found


@torch.no_grad()
def nearest_across(domains: Sequence[tuple[Tensor, Tensor]], k: int) -> Top:
    """Find the items of other domains that are most like some, by the cosine of their vectors.

    Parameters
    ----------
    domains : sequence of (Tensor, shape (Q, D)), (Tensor, shape (I, D))
        Of each the vectors of what is asked about in a space that it shares, and those of its own items, without
        padding.
    k : int

    Returns
    -------
    Top
        A row for each; items are numbered from 1, one domain behind the other.
    """
    normed = [(normalize(asked_QD, dim=-1), normalize(others_ID, dim=-1)) for asked_QD, others_ID in domains]
    n_asked, k = len(normed[0][0]), min(k, sum(len(others_ID) for _, others_ID in normed))
    found = [
        best_of(torch.cat([asked_QD[begin : begin + _ASKED] @ others_ID.T for asked_QD, others_ID in normed], 1), k)
        for begin in range(0, n_asked, _ASKED)
    ]
    items_QK, scores_QK = (torch.cat(part) for part in zip(*found, strict=True))
    return Top((items_QK + 1).numpy(), scores_QK.numpy())


def _lift(scorer: Scorer, items_Q: Numbers) -> Tensor:
    """Return how much likelier than by popularity each item is, by its logarithm, shape (Q, I)."""
    timed, memory = scorer.evidence.timed, scorer.evidence.memory
    if timed is None:
        assert memory is not None
        asked = torch.from_numpy(items_Q)[:, None]
        likely_BI: Tensor = memory(asked, torch.ones(len(items_Q), dtype=torch.long))
        return likely_BI - memory.popularity.clamp(min=1e-30).log()
    morrow, place = float(timed.last_day + 1) * DAY, np.arange(len(items_Q))
    at = np.full(len(items_Q), morrow)
    lift_BI = torch.zeros(len(items_Q), len(scorer.outputs))
    for part in timed.ask(Requests(items_Q, at, place, place + 1, at)):
        lift_BI[torch.from_numpy(part.rows)] = part.lift("transitions") + part.lift("same day")
    return lift_BI
