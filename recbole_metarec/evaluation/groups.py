"""Metrics of parts of the users."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.data.dataset import DomainDataset
from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.report import RunResult


class Grouping(NamedTuple):
    """A division of the test users.

    Attributes
    ----------
    title : str
        By what they are divided.
    names : tuple of str
        Of the groups.
    group : int64 array, shape (n_users,)
        Number of each user's group.
    """

    title: str
    names: tuple[str, ...]
    group: npt.NDArray[np.int64]

    def sizes(self) -> list[int]:
        """Count the users of each group."""
        return [int(n) for n in np.bincount(self.group, minlength=len(self.names))]


# Longest history of each group but the last.
HISTORIES = (5, 10, 20)
# Popular items have so much of all interactions.
POPULAR_SHARE = 0.5


def group_users(
    history: npt.NDArray[np.int64], of_target: npt.NDArray[np.int64], of_items: npt.NDArray[np.int64]
) -> list[Grouping]:
    """Group test users by the length of their history and by how popular their target is.

    Parameters
    ----------
    history : int64 array, shape (n_users,)
        Interactions before the target.
    of_target : int64 array, shape (n_users,)
        Interactions of the target in training.
    of_items : int64 array, shape (n_items + 1,)
        Interactions of each item in training, padding first.

    Returns
    -------
    list of Grouping
        Popular are the fewest items that have half of all interactions between them, cold those without any.
    """
    bounds = [f"{low + 1} to {high}" for low, high in zip((0, *HISTORIES), HISTORIES, strict=False)]
    lengths = Grouping(
        "interactions before the target", (*bounds, f"more than {HISTORIES[-1]}"), np.searchsorted(HISTORIES, history)
    )
    falling = np.sort(of_items[1:])[::-1]
    place = min(int(np.searchsorted(np.cumsum(falling), POPULAR_SHARE * falling.sum())), len(falling) - 1)
    least = max(int(falling[place]), 1)
    names = ("cold: nobody had it in training", f"mid: fewer than {least} had it", f"popular: {least} or more had it")
    popularity = (of_target > 0).astype(np.int64) + (of_target >= least)
    return [lengths, Grouping("popularity of the target", names, popularity)]


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
    known = [name for name in run.test if is_of_ranks(name)]
    if run.ranks is None or cold is None or not cold.any() or not known:
        return None
    metrics = {name: float(np.mean(metric_of_ranks(name, run.ranks[cold]))) for name in known}
    return {"n_users": int(cold.sum()), **metrics}
