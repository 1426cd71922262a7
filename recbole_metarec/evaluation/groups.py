"""Parts of the test targets, and metrics of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.targets import Ranks, Targets


class Grouping(NamedTuple):
    """A division of the test targets.

    Attributes
    ----------
    title : str
        By what they are divided.
    names : tuple of str
        Of the groups.
    group : int64 array, shape (n_rows,)
        Number of each target's group.
    """

    title: str
    names: tuple[str, ...]
    group: npt.NDArray[np.int64]


# Longest history of each group but the last.
HISTORIES = (5, 10, 20)
# Popular items have so much of all interactions.
POPULAR_SHARE = 0.5


def group_targets(
    history: npt.NDArray[np.int64], of_target: npt.NDArray[np.int64], of_items: npt.NDArray[np.int64]
) -> list[Grouping]:
    """Group test targets by the length of the history before them and by how popular they are.

    Parameters
    ----------
    history : int64 array, shape (n_rows,)
        Interactions before the target.
    of_target : int64 array, shape (n_rows,)
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


def cold_metrics(metrics: Iterable[str], targets: Targets, ranks: Ranks) -> dict[str, float] | None:
    """Measure ranks of cold targets: those that stand nowhere in the training part.

    Parameters
    ----------
    metrics : iterable of str
        Names of metrics; those that are no function of ranks are left out.
    targets : Targets
        The cold ones.
    ranks : int64 array, shape (n_rows,)
        Of each of them.

    Returns
    -------
    dict of str to float, or None
        The metrics, the number of users as ``n_users``; ``None`` if there is nothing to measure.
    """
    known = [name for name in metrics if is_of_ranks(name)]
    if not len(ranks) or not known:
        return None
    return {"n_users": targets.n_users, **{name: float(np.mean(metric_of_ranks(name, ranks))) for name in known}}
