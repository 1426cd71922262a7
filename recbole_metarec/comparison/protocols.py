"""A comparison under both protocols of history: masked, in which all models are alike, and with repeats to be found.

Models differ in whether they learn that a user does not have an item again. With history masked that counts for
nothing; but where users do have items again, all miss what is to be found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from recbole_metarec.comparison.compare import Comparison, Runs
from recbole_metarec.runs.result import RunResult

MOST_REPEATS = 0.1
"""With a larger share of test targets that their users had before, history is not masked in what is headlined."""


class Protocols(NamedTuple):
    """A comparison as it is headlined, and the same runs beside it.

    Attributes
    ----------
    headline : Comparison
        With history masked, unless more than `MOST_REPEATS` of the targets are repeats; under the protocol that the
        runs know, if that is one alone.
    other : Comparison or None
        The other way round, if all runs know that.
    unknown : list of str
        Entries with runs that should know both, and are of a format that has one only.
    """

    headline: Comparison
    other: Comparison | None
    unknown: list[str]


def protocols(comparison: Comparison) -> Protocols:
    """Look at a comparison under both protocols of history.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Protocols
    """
    masked, not_masked = (_with_history(comparison, each) for each in (True, False))
    if masked and not_masked and any(comparison.runs.values()):
        repeats = comparison.description.repeats or 0.0
        ranked = (masked, not_masked) if repeats <= MOST_REPEATS else (not_masked, masked)
        return Protocols(*ranked, [])
    unknown = [label for label, runs in comparison.runs.items() if any(map(_knows_one_only, runs.values()))]
    return Protocols(masked or not_masked or comparison, None, unknown)


def _knows_one_only(run: RunResult) -> bool:
    return run.mode == "full" and run.ranks is not None and run.other_ranks is None


def _with_history(comparison: Comparison, masked: bool) -> Comparison | None:
    """Return a comparison of the same runs under a protocol; ``None`` if one of them does not know it."""
    runs: Runs = {}
    for label, of_entry in comparison.runs.items():
        seen = {seed: run.with_history(masked) for seed, run in of_entry.items()}
        known = {seed: run for seed, run in seen.items() if run is not None}
        if len(known) < len(of_entry):
            return None
        runs[label] = known
    deliveries = {
        label: {seed: delivery._replace(run=_seen(delivery.run, masked)) for seed, delivery in of_seeds.items()}
        for label, of_seeds in comparison.deliveries.items()
    }
    return replace(comparison, runs=runs, deliveries=deliveries)


def _seen(run: RunResult, masked: bool) -> RunResult:
    """Return a run under a protocol that all runs know, those to be used among them."""
    seen = run.with_history(masked)
    assert seen is not None
    return seen
