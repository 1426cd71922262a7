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
        Of the first seed.
    ranks : dict of str to dict of int to int64 array, shape (n_rows,)
        By label and seed; a row is of one user under all seeds.
    apart : dict of str to int
        Models that were tested on other targets, and how many of the reference's are among them.
    beyond : dict of str to int
        Models that were tested on more targets, and on how many.
    drawn : bool
        Whether seeds draw the order within a day, so that users have other targets under each.
    """

    targets: Targets
    ranks: dict[str, dict[int, Ranks]]
    apart: dict[str, int]
    beyond: dict[str, int]
    drawn: bool = False

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
    """Join the ranks of all models: by user and item under each seed, by user over seeds.

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
    tested: dict[int, dict[str, Targets]] = {}
    for label in sorted(runs, key=lambda label: label != reference):
        for seed, run in runs[label].items():
            if run.targets is not None:
                tested.setdefault(seed, {})[label] = run.targets
    if not tested:
        return None
    references = [of_seed[reference] for of_seed in tested.values() if reference in of_seed]
    apart: dict[str, int] = {}
    for of_seed in tested.values():
        base = of_seed.get(reference, [*references, *of_seed.values()][0])
        apart |= _with_other_targets(base, of_seed)
    kept = {seed: {key: each for key, each in tested[seed].items() if key not in apart} for seed in sorted(tested)}
    rows = {seed: _rows_of_all(of_seed) for seed, of_seed in kept.items() if of_seed}
    shared = [next(iter(kept[seed].values())).take(next(iter(of_seed.values()))) for seed, of_seed in rows.items()]
    whole = [next(iter(of_seed.values())) for of_seed in kept.values() if of_seed]
    drawn = len(common_rows(whole)[0]) < min(len(targets.users) for targets in whole)
    of_seeds = common_rows(shared, Targets.places if drawn else Targets.keys)
    ranks: dict[str, dict[int, Ranks]] = {label: {} for label in runs if any(label in each for each in kept.values())}
    beyond: dict[str, int] = {}
    for (seed, rows_of), own, targets in zip(rows.items(), of_seeds, shared, strict=True):
        for label, of_label in rows_of.items():
            found = runs[label][seed].ranks
            assert found is not None
            ranks[label][seed] = found[of_label[own]]
            if len(found) > len(targets.users):
                beyond[label] = len(found)
    return Alignment(shared[0].take(of_seeds[0]), ranks, apart, beyond, drawn)


def _with_other_targets(base: Targets, of_seed: Mapping[str, Targets]) -> dict[str, int]:
    """Return how many of the reference's targets those models were tested on that miss most of them."""
    shared = {label: len(common_rows([base, targets])[0]) for label, targets in of_seed.items()}
    return {label: n for label, n in shared.items() if n < LEAST_SHARE * len(base.users)}


def _rows_of_all(of_seed: Mapping[str, Targets]) -> dict[str, npt.NDArray[np.intp]]:
    """Find, by label, the rows of the targets that all models share."""
    return dict(zip(of_seed, common_rows([*of_seed.values()]), strict=True))
