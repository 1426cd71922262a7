"""The runs of an entry as means and spreads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recbole_metarec.comparison.alignment import Alignment
from recbole_metarec.evaluation.choice import differ_clearly
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
    other : float or None
        Mean of the shown metric under the other protocol of history, if it is known.
    seconds, epochs, peak_memory : float
        Means over seeds.
    """

    label: str
    seeds: int
    means: dict[str, float]
    spreads: dict[str, float]
    valid: float
    other: float | None
    seconds: float
    epochs: float
    peak_memory: float


def entry_result(
    label: str, runs: Mapping[int, RunResult], metric: str, aligned: Alignment | None, other: Alignment | None = None
) -> EntryResult:
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
        None if other is None or not is_of_ranks(metric) else other.mean(label, metric),
        *(float(np.mean([getattr(run, key) for run in results])) for key in ("seconds", "epochs", "peak_memory")),
    )


@dataclass(frozen=True)
class SourceWeights:
    """The source weights of an entry.

    Attributes
    ----------
    means : dict of str to float
        By source, over seeds; the largest first if they differ, else as the sources were named.
    differ : bool
        Whether they differ by more than they vary from epoch to epoch.
    """

    means: dict[str, float]
    differ: bool

    @property
    def title(self) -> str:
        """What a table of them is called."""
        return "source weights" if self.differ else "source weights, which do not differ clearly"


def mean_weights(runs: Mapping[int, RunResult]) -> SourceWeights | None:
    """Average the source weights of runs; ``None`` where there are none."""
    weights = [of_run for run in runs.values() if (of_run := run.diagnostic("source_weights"))]
    if not weights:
        return None
    means = {name: float(np.mean([of_run[name] for of_run in weights])) for name in weights[0]}
    differ = differ_clearly([epoch for run in runs.values() for epoch in run.diagnostic("weight_history")])
    return SourceWeights(dict(sorted(means.items(), key=lambda pair: -pair[1])) if differ else means, differ)
