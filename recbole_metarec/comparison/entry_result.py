"""The runs of an entry as means and spreads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recbole_metarec.comparison.alignment import Alignment
from recbole_metarec.evaluation.ranking import is_of_ranks
from recbole_metarec.runs.result import RunResult


@dataclass(frozen=True)
class EntryResult:
    """What the runs of an entry found, over their seeds.

    Attributes
    ----------
    label : str
    seeds : int
        Runs that finished.
    means, spreads : dict of str to float
        Of each test metric over seeds; the spread is the standard deviation, 0 for one seed. Metrics of ranks are over
        the targets that all models share.
    valid : float
        Mean of the shown metric on validation, with memory and repeats joined, to choose by; NaN without any.
    seconds, epochs, peak_memory : float
        Means over seeds.
    """

    label: str
    seeds: int
    means: dict[str, float]
    spreads: dict[str, float]
    valid: float
    seconds: float
    epochs: float
    peak_memory: float


def entry_result(label: str, runs: Mapping[int, RunResult], metric: str, aligned: Alignment | None) -> EntryResult:
    """Sum up the finished runs of an entry, by seed; metrics of ranks over the targets that all models share."""
    results = list(runs.values())
    values = {name: np.array([run.test[name] for run in results]) for name in results[0].test}
    if aligned and label in aligned.ranks:
        seeds = sorted(aligned.ranks[label])
        values |= {name: aligned.values(label, seeds, name).mean(1) for name in values if is_of_ranks(name)}
    return EntryResult(
        label,
        len(results),
        {name: float(value.mean()) for name, value in values.items()},
        {name: float(value.std(ddof=1)) if len(results) > 1 else 0.0 for name, value in values.items()},
        float(np.mean([run.valid.get(metric, np.nan) for run in results])),
        *(float(np.mean([getattr(run, key) for run in results])) for key in ("seconds", "epochs", "peak_memory")),
    )


def mean_weights(runs: Mapping[int, RunResult]) -> dict[str, float] | None:
    """Average the source weights of runs, the largest first; ``None`` where there are none."""
    weights = [of_run for run in runs.values() if (of_run := run.diagnostic("source_weights"))]
    if not weights:
        return None
    means = {name: float(np.mean([of_run[name] for of_run in weights])) for name in weights[0]}
    return dict(sorted(means.items(), key=lambda pair: -pair[1]))
