"""The rank of each user's target, without a second matrix of users by items.

Ties are shared evenly: of the items with the target's own score, half stand before it (rounded down).
"""

# Shapes: V rankings, B rows, I items (row 0 is padding), D width.

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recbole_metarec.evaluation.targets import Ranks

Floats = npt.NDArray[np.float64]

# Scores in memory at a time: on a CPU they fit its caches, elsewhere they bound the memory.
_BLOCK = {True: 2**20, False: 2**27}
# But never fewer rows than this: each block reads the vectors of all items.
_FEWEST_ROWS = 8


def count_ranks(scores_BI: Tensor, targets_B: Tensor, spare_BI: Tensor | None = None) -> Tensor:
    """Rank targets among the items of their rows.

    Parameters
    ----------
    scores_BI : Tensor, shape (B, I)
        Scores; minus infinity for what is no candidate.
    targets_B : LongTensor, shape (B,)
        Column of each row's target.
    spare_BI : Tensor, shape (B, I), optional
        Memory to work in.

    Returns
    -------
    LongTensor, shape (B,)
        From 1; 0 where the target is no candidate. Scores that are not a number rank before the target, a target's own
        behind every item.
    """
    spare_BI = torch.empty_like(scores_BI) if spare_BI is None else spare_BI
    own_B1 = scores_BI.gather(1, targets_B[:, None])
    # In the numbers of the scores' own type: torch adds up truth values one by one.
    below_B = torch.lt(scores_BI, own_B1, out=spare_BI).sum(1)
    up_to_B = torch.le(scores_BI, own_B1, out=spare_BI).sum(1)
    rank_B = (1 + scores_BI.shape[1] - up_to_B + (up_to_B - below_B - 1).div(2, rounding_mode="floor")).long()
    return rank_B.where(~own_B1.squeeze(1).isneginf(), 0)


def rank_targets(
    states_BD: Tensor,
    items_ID: Tensor,
    targets_B: Tensor,
    history: tuple[Tensor, Tensor] | None = None,
    sampled_BC: Tensor | None = None,
    days: tuple[Tensor, Tensor] | None = None,
    joined: Callable[[Tensor, slice], Iterable[Tensor]] = lambda scores_BI, rows: (scores_BI,),
) -> Tensor:
    """Rank targets among all items but padding or among some, scored by inner products, a block of rows at a time.

    Several rankings that differ in what is joined with the scores cost one pass over states and items.

    Parameters
    ----------
    states_BD : Tensor, shape (B, D)
        State of each row.
    items_ID : Tensor, shape (I, D)
        Vectors of all items.
    targets_B : LongTensor, shape (B,)
        Item ids.
    history : tuple of LongTensor, shape (n,) each, optional
        Row and item of what is no candidate, rows in rising order.
    sampled_BC : LongTensor, shape (B, C), optional
        The only candidates beside the target; all items by default.
    days : tuple of LongTensor, shape (I,) and (B,), optional
        The day from which on each item is known, and that of each row: candidates are known on an earlier day.
    joined : callable, optional
        Maps the scores of a slice of the rows, shape (rows, I), and that slice to what is ranked, once or several
        times; each is done with before the next is asked for.

    Returns
    -------
    LongTensor, shape (V, B)
        A row for each of V rankings; see `count_ranks`.
    """
    block = min(len(states_BD), max(_FEWEST_ROWS, _BLOCK[states_BD.device.type == "cpu"] // len(items_ID)))
    # Fresh memory for each block would take longer than the products that fill it.
    scores, spare = (states_BD.new_empty(block, len(items_ID)) for _ in range(2))
    ranks = []
    for first in range(0, len(states_BD), block):
        rows_BD = states_BD[first : first + block]
        scores_BI = torch.mm(rows_BD, items_ID.T, out=scores[: len(rows_BD)])
        scores_BI[:, 0] = -torch.inf
        if history is not None:
            scores_BI[within_rows(history, slice(first, first + len(rows_BD)))] = -torch.inf
        if days is not None:
            first_I, day_B = days
            scores_BI.masked_fill_(first_I >= day_B[first : first + block, None], -torch.inf)
        if sampled_BC is not None:
            few_BC = torch.cat([sampled_BC[first : first + block], targets_B[first : first + block, None]], dim=1)
            kept_BC = scores_BI.gather(1, few_BC)
            scores_BI.fill_(-torch.inf).scatter_(1, few_BC, kept_BC)
        rankings = [
            count_ranks(joined_BI, targets_B[first : first + block], spare[: len(rows_BD)])
            for joined_BI in joined(scores_BI, slice(first, first + len(rows_BD)))
        ]
        ranks.append(torch.stack(rankings))
    return torch.cat(ranks, dim=1)


def within_rows(history: tuple[Tensor, Tensor], rows: slice) -> tuple[Tensor, Tensor]:
    """Return the part of index pairs, rows in rising order, that lies in some rows, counted from the first of these."""
    row, item = history
    bounds = torch.tensor([rows.start, rows.stop], device=row.device)
    within = slice(*torch.searchsorted(row, bounds).tolist())
    return row[within] - rows.start, item[within]


def top_ranks(scores_BI: Tensor, row_P: Tensor, item_P: Tensor, k: int, one_by_one: bool = False) -> Tensor:
    """Rank targets, of which a row may have several, ties as ``torch.topk`` and with it RecBole breaks them.

    Parameters
    ----------
    scores_BI : Tensor, shape (B, I)
        Scores; minus infinity for what is no candidate.
    row_P, item_P : LongTensor, shape (P,)
        Row and column of each target, rows in rising order, a row's targets oldest first.
    k : int
        Largest rank.
    one_by_one : bool
        Whether earlier targets of a row are no candidates for later ones; all are candidates otherwise.

    Returns
    -------
    LongTensor, shape (P,)
        From 1 to ``k``; 0 where the target ranks below or is no candidate.
    """
    of_row_B = torch.bincount(row_P, minlength=len(scores_BI))
    most = int(of_row_B.max()) if one_by_one and len(row_P) else 1
    top = scores_BI.topk(min(k + most - 1, scores_BI.shape[1]), dim=1)
    hit_P, rank_P = ((top.indices[row_P] == item_P[:, None]) & ~top.values[row_P].isneginf()).max(1)
    rank_P = (rank_P + 1).where(hit_P, 0)
    if most > 1:
        nth_P = torch.arange(len(row_P), device=row_P.device) - (of_row_B.cumsum(0) - of_row_B)[row_P]
        rank_BM = rank_P.new_zeros(len(scores_BI), most)
        rank_BM[row_P, nth_P] = rank_P
        before_BMM = (rank_BM[:, None] > 0) & (rank_BM[:, None] < rank_BM[:, :, None])
        rank_P = rank_P - before_BMM.tril(-1).sum(2)[row_P, nth_P]
    return rank_P.where(rank_P <= k, 0)


def is_of_ranks(name: str) -> bool:
    """Whether `metric_of_ranks` knows a metric."""
    return name.lower().partition("@")[0] in ("recall", "hit", "ndcg", "mrr")


def metric_of_ranks(name: str, ranks: Ranks) -> Floats:
    """Compute a metric of each row, where one item is relevant.

    Parameters
    ----------
    name : str
        ``recall@k``, ``hit@k``, ``ndcg@k`` or ``mrr@k``, as RecBole spells it.
    ranks : int64 array, shape (n_rows,)
        Ranks from 1; 0 is no hit.

    Returns
    -------
    float64 array, shape (n_rows,)
        Its mean is RecBole's metric.

    Raises
    ------
    ValueError
        If the metric is another one.
    """
    metric, _, k = name.lower().partition("@")
    hit = (ranks > 0) & (ranks <= int(k))
    rank = np.where(hit, ranks, 1)
    if metric in ("recall", "hit"):
        return hit.astype(float)
    if metric == "ndcg":
        return np.asarray(hit / np.log2(1 + rank))
    if metric == "mrr":
        return np.asarray(hit / rank)
    raise ValueError(f"no value for each row is known for metric {name!r}")
