"""Metrics of parts of the users."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_metarec.data.dataset import DomainDataset
from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evaluation.report import RunResult


def cold_metrics(run: RunResult, train: Any, test: Any) -> dict[str, float] | None:
    """Measure a run on cold items: those that stand nowhere in the training part.

    Parameters
    ----------
    run : RunResult
        With the ranks of all test targets.
    train, test : recbole.data.dataset.Dataset
        The splits.

    Returns
    -------
    dict of str to float, or None
        The run's metrics over the users whose target is cold, and their number as ``n_users``; ``None`` if there are
        none, or the splits have no sequences.
    """
    if run.ranks is None or not isinstance(train, DomainDataset):
        return None
    targets = test.inter_feat[test.iid_field].numpy()
    cold = train.domain().item_counts()[targets] == 0
    known = [name for name in run.test if name.split("@")[0] in ("recall", "hit", "ndcg", "mrr")]
    if not cold.any() or not known:
        return None
    metrics = {name: float(np.mean(metric_of_ranks(name, run.ranks[cold]))) for name in known}
    return {"n_users": int(cold.sum()), **metrics}
