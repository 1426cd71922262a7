"""What each kind of evidence was worth: how much is lost without it, on later rows than those that are learnt on."""

# Shapes: N rows, M candidates, K kinds of evidence, C kinds of context.

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from recbole_metarec.evidence.kinds import KINDS
from recbole_metarec.evidence.weighing import (
    LearningRows,
    learn_weights,
    memory_weights,
    relearn_weights,
    scores_of,
)
from recbole_metarec.evidence.weights import MODEL

GROUPS: dict[str, tuple[str, ...]] = {
    "transitions": ("transitions", "transitions that fade", "transitions of all"),
    "same day": ("same day",),
    "latent factors": ("latent factors",),
    "counts of the last days": tuple(kind for kind in KINDS if kind.startswith("last ") and kind.endswith(" days")),
    "popularity": ("popularity",),
    "age and last seen": ("age", "last seen"),
    "repeats": ("repeat", "times had", "last had"),
    MODEL: (MODEL,),
}
"""Kinds of evidence that are left out together."""

_LEARNT_ON = 0.7  # the earlier share of the rows
_FEWEST_ROWS, _MOST_LEARNT_ON = 100, 1400
_K = 10
_ITERATIONS = 20  # from the weights of all kinds on


class Worth(NamedTuple):
    """What groups of evidence were worth.

    Attributes
    ----------
    ndcg : float
        NDCG@10 of all kinds on the later rows, among each row's candidates.
    memory : float
        That of transitions and popularity alone, nothing learnt.
    losses : dict of str to float
        Share of ``ndcg`` that is lost without a group, by its name; negative where it is better without. Groups of
        which the rows hold nothing are left out.
    errors : dict of str to float
        Standard error of each loss.
    n_rows : int
        Rows that it was measured on.
    """

    ndcg: float
    memory: float
    losses: dict[str, float]
    errors: dict[str, float]
    n_rows: int


def measure_worth(rows: LearningRows, prior_KC: Tensor) -> Worth | None:
    """Measure what each group of evidence is worth.

    Weights are learnt on the first 70% of the rows, with all kinds of evidence and then without each group, and
    compared on the rest. Of kinds that can stand in for each other none is worth much.

    Parameters
    ----------
    rows : LearningRows
        In the order of their days.
    prior_KC : Tensor, shape (K, C)
        Where weights stay without rows; with a last row where a model's score is the last kind.

    Returns
    -------
    Worth, or None
        ``None`` if there are too few rows to say anything, or nothing is found.
    """
    if rows.size < _FEWEST_ROWS:
        return None
    n_earlier = int(_LEARNT_ON * rows.size)
    earlier, later = _evenly(rows.first(n_earlier), _MOST_LEARNT_ON), LearningRows(*(part[n_earlier:] for part in rows))
    full_KC = learn_weights([(earlier, 1.0)], prior_KC)
    gains_N = gains(later, full_KC)
    ndcg = float(gains_N.mean())
    if ndcg == 0:
        return None
    kinds = [*KINDS, MODEL][: len(prior_KC)]
    losses, errors = {}, {}
    for name, group in GROUPS.items():
        left_out = [place for place, kind in enumerate(kinds) if kind in group]
        if not rows.features[:, left_out].any():
            continue
        kept = [place for place in range(len(kinds)) if place not in left_out]
        without_KC = relearn_weights(earlier.of_kinds(kept), full_KC[kept], prior_KC[kept], _ITERATIONS)
        lost_N = (gains_N - gains(later.of_kinds(kept), without_KC)) / ndcg
        losses[name], errors[name] = float(lost_N.mean()), float(lost_N.std()) / math.sqrt(later.size)
    memory = float(gains(later, memory_weights(len(kinds) > len(KINDS))).mean())
    return Worth(ndcg, memory, losses, errors, later.size)


def _evenly(rows: LearningRows, most: int) -> LearningRows:
    """Leave out rows, evenly over time, where there are more."""
    if rows.size <= most:
        return rows
    chosen = torch.linspace(0, rows.size - 1, most).long()
    return LearningRows(*(part[chosen] for part in rows))


def gains(rows: LearningRows, weights_KC: Tensor) -> Tensor:
    """Compute the NDCG@10 of each row, shape (N,): a candidate counts as all items it stands for, of ties half do."""
    scores_NM = scores_of(rows, weights_KC)
    own_N1 = scores_NM.gather(1, rows.target[:, None])
    ahead_N = ((scores_NM > own_N1) * rows.stands_for).sum(1)
    tied_N = ((scores_NM == own_N1) * rows.stands_for).sum(1) - 1  # itself
    rank_N = 1 + ahead_N + (tied_N / 2).floor()
    return torch.where(rank_N <= _K, 1 / torch.log2(1 + rank_N), 0.0)
