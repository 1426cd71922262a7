"""Which of a model's variants is to be used: transfer, scratch or an ensemble of both, by what validation says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recbole_metarec.evaluation.choice import simplest_as_good, standard_error
from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks
from recbole_metarec.runs.result import RunResult

SIMPLEST_FIRST = ("scratch", "transfer", "ensemble")
"""Variants, the one that asks for least first."""


class Delivery(NamedTuple):
    """The variant to be used.

    Attributes
    ----------
    run : RunResult
    asked : bool
        Whether it was asked for.
    metric : str
        The validation metric that it was chosen by.
    validated : dict of str to (float, float)
        Of each variant, the simplest first, the metric's mean and the standard error of the difference from the first;
        empty if there was nothing to choose by.
    """

    run: RunResult
    asked: bool
    metric: str
    validated: dict[str, tuple[float, float]]


def deliver(runs: Sequence[RunResult], metric: str, asked: str) -> Delivery | None:
    """Choose the run whose model is to be used.

    The simplest variant whose validation metric lies within one standard error of the best one's: scratch, then
    transfer, then an ensemble of both. Without validation, transfer.

    Parameters
    ----------
    runs : sequence of RunResult
        Variants of one model with one seed, the model's first; runs of other models among them do not count.
    metric : str
        The validation metric to choose by.
    asked : str
        ``auto``, or the variant that is wanted.

    Returns
    -------
    Delivery or None
        ``None`` if there is no choice.
    """
    by_variant = {run.variant: run for run in runs if run.model == runs[0].model}
    candidates = [by_variant[name] for name in SIMPLEST_FIRST if name in by_variant]
    if asked != "auto":
        return Delivery(by_variant[asked], True, metric, {}) if asked in by_variant else None
    if len(candidates) < 2:
        return None
    ranked = [run.valid_ranks for run in candidates if run.valid_ranks is not None and is_of_ranks(metric)]
    values = [metric_of_ranks(metric, ranks) for ranks in ranked]
    targets = candidates[0].valid_targets
    if targets is None or len(values) < len(candidates):
        return Delivery(by_variant["transfer"], False, metric, {})
    users, values_VN = targets.user_numbers(), np.stack(values)
    errors = [standard_error(value_N - values_VN[0], users) for value_N in values_VN]
    means = zip(map(float, values_VN.mean(1)), errors, strict=True)
    validated = dict(zip((str(run.variant) for run in candidates), means, strict=True))
    return Delivery(candidates[simplest_as_good(values_VN, users)], False, metric, validated)
