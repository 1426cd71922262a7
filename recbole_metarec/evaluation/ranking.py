"""The rank of each user's target, for every RecBole model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from recbole.evaluator import Collector

Floats = npt.NDArray[np.float64]
Ranks = npt.NDArray[np.int64]


class RankCollector(Collector):  # type: ignore[misc]
    """RecBole's collector, which also keeps the rank of each evaluated row's target.

    Attributes
    ----------
    ranks : int64 array, shape (n_rows,), or None
        Of the last evaluation, in its order: from 1 to the largest ``topk``, 0 where the target ranks below.
        ``None`` if no metric asked for ranks.
    """

    ranks: Ranks | None = None

    def get_data_struct(self) -> Any:
        """Return RecBole's evaluation resources, and keep the ranks in them."""
        struct = super().get_data_struct()
        if "rec.topk" in struct:
            found = struct["rec.topk"][:, :-1].numpy().astype(bool)
            self.ranks = np.where(found.any(1), found.argmax(1) + 1, 0)
        return struct


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
