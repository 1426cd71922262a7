"""Metrics of parts of the users."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_metarec.data.dataset import DomainDataset
from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evaluation.report import RunResult


def cold_users(train: Any, test: Any) -> npt.NDArray[np.bool_] | None:
    """Find the users whose target stands nowhere in the training part.

    Parameters
    ----------
    train, test : recbole.data.dataset.Dataset
        The splits.

    Returns
    -------
    bool array, shape (n_users,), or None
        In the order of the test split; ``None`` if the splits have no sequences.
    """
    if not isinstance(train, DomainDataset):
        return None
    counts = train.domain().item_counts()
    return np.asarray(counts[test.inter_feat[test.iid_field].numpy()] == 0)


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
    cold = cold_users(train, test)
    known = [name for name in run.test if name.split("@")[0] in ("recall", "hit", "ndcg", "mrr")]
    if run.ranks is None or cold is None or not cold.any() or not known:
        return None
    metrics = {name: float(np.mean(metric_of_ranks(name, run.ranks[cold]))) for name in known}
    return {"n_users": int(cold.sum()), **metrics}
