"""What the models of a comparison were tested on in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_metarec.evaluation.ranking import Floats, metric_of_ranks
from recbole_metarec.evaluation.targets import Ranks, Targets, common_rows
from recbole_metarec.runs.result import RunResult

Runs = Mapping[str, Mapping[int, RunResult]]
"""Finished runs by label and seed."""

LEAST_SHARE = 0.5
"""A model that was tested on a smaller share of the reference's targets is compared with nothing."""


@dataclass(frozen=True)
class Alignment:
    """The test targets that models share, and how each ranks them.

    Attributes
    ----------
    targets : Targets
    ranks : dict of str to dict of int to int64 array, shape (n_rows,)
        By label and seed.
    apart : dict of str to int
        Models that were tested on other targets, and how many of the reference's are among them.
    beyond : dict of str to int
        Models that were tested on more targets, and on how many.
    """

    targets: Targets
    ranks: dict[str, dict[int, Ranks]]
    apart: dict[str, int]
    beyond: dict[str, int]

    def values(self, label: str, seeds: list[int], metric: str) -> Floats:
        """Return a metric of each target under an entry, shape (n_seeds, n_rows)."""
        return np.stack([metric_of_ranks(metric, self.ranks[label][seed]) for seed in seeds])

    def mean(self, label: str, metric: str) -> float | None:
        """Return the mean of a metric over targets and seeds; ``None`` for what is compared with nothing."""
        seeds = sorted(self.ranks.get(label, ()))
        return float(self.values(label, seeds, metric).mean()) if seeds else None

    def rows_of(self, targets: Targets) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Find the rows that these targets and others share, by their places here and there."""
        here, there = common_rows([self.targets, targets])
        return here, there


def align(runs: Runs, reference: str) -> Alignment | None:
    """Join the ranks of all models by user and item.

    Parameters
    ----------
    runs : mapping
    reference : str
        Label of the entry that others are compared with.

    Returns
    -------
    Alignment or None
        ``None`` if no run has ranks.
    """
    tested = {
        (label, seed): run.targets
        for label, of_entry in runs.items()
        for seed, run in of_entry.items()
        if run.targets is not None
    }
    if not tested:
        return None
    of_reference = [targets for (label, _), targets in tested.items() if label == reference]
    base = [*of_reference, *tested.values()][0]
    shared = {key: len(common_rows([base, targets])[0]) for key, targets in tested.items()}
    apart = {label: n for (label, _), n in shared.items() if n < LEAST_SHARE * len(base.users)}
    kept = {key: targets for key, targets in tested.items() if key[0] not in apart}
    first, *rows = common_rows([base, *kept.values()])
    ranks: dict[str, dict[int, Ranks]] = {}
    for (label, seed), own_rows in zip(kept, rows, strict=True):
        found = runs[label][seed].ranks
        assert found is not None
        ranks.setdefault(label, {})[seed] = found[own_rows]
    beyond = {label: len(targets.users) for (label, _), targets in kept.items() if len(targets.users) > len(first)}
    return Alignment(base.take(first), ranks, apart, beyond)
