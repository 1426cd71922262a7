"""What is shown of a comparison: means and spreads, effects with intervals, parts of the users, answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from recbole_metarec.comparison.alignment import align
from recbole_metarec.comparison.answers import (
    DELIVERED,
    say_asked,
    say_delivered,
    say_effect,
    say_history,
    say_too_few,
    say_unseen,
    say_unshared,
    say_weights,
)
from recbole_metarec.comparison.choice import Answer, MakeEffects, answer
from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.effects import Effect, make_effects
from recbole_metarec.comparison.entry_result import EntryResult, SourceWeights, entry_result, mean_weights
from recbole_metarec.comparison.group_means import Group, group_means
from recbole_metarec.comparison.labels import beside, left_out, variant_of
from recbole_metarec.comparison.own_settings import divide
from recbole_metarec.comparison.protocols import protocols
from recbole_metarec.comparison.waterfall import Step, make_steps
from recbole_metarec.evaluation.ranking import is_of_ranks
from recbole_metarec.evaluation.wording import size
from recbole_metarec.models.evidence import SPEC as EVIDENCE
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.wording import protocol

MADE_OF_RUNS = (DELIVERED, "ensemble")
"""Ends of the labels of what is made of other runs of the comparison."""
CONTROLS = ("scratch", *MADE_OF_RUNS)
"""Ends of the labels of what is not asked for by itself."""


@dataclass(frozen=True)
class Summary:
    """What is shown of a comparison.

    Attributes
    ----------
    metric : str
        Metric that effects are of.
    protocol : str
        Among what targets were ranked.
    other_protocol : str
        The protocol of history beside it; empty if there is none.
    rows : list of EntryResult
        Entries with a finished run, in order.
    apart : list of EntryResult
        Those among them that were tested on other targets, and are compared with nothing.
    answer : Answer
        What a report begins with.
    to_use : str
        Says where the model lies that the answer says to use, of the first seed that is there; empty if none is.
    notes : list of str
        Sentences about what is set for one model alone, not compared, not over all targets, or cannot come out clear.
    size : str
        How many users and targets count.
    effects : list of Effect
        Each of them against the reference, but for what is among ``transfers``.
    transfers : list of Effect
        Each model that transfers against its scratch control.
    sources : list of Effect
        Each model that transfers against itself without one of its sources, if those were run.
    groups : list of (str, list of Group)
        By title; entries that lack a source are left out.
    steps : list of Step
        Where the result of the model comes from of which the answer speaks.
    weights : dict of str to SourceWeights
        By entry; entries that lack a source are left out.
    answers : list of str
        Sentences, one for each difference.
    """

    metric: str
    protocol: str
    other_protocol: str
    rows: list[EntryResult]
    apart: list[EntryResult]
    answer: Answer
    to_use: str
    notes: list[str]
    size: str
    effects: list[Effect]
    transfers: list[Effect]
    sources: list[Effect]
    groups: list[tuple[str, list[Group]]]
    steps: list[Step]
    weights: dict[str, SourceWeights]
    answers: list[str]

    def tables(self, reference: str) -> list[tuple[str, list[Effect]]]:
        """Put effects into tables with titles; none is empty, none says what another says."""
        tables = [
            ("Transfer against scratch", self.transfers),
            ("With a source against without", self.sources),
            (f"Against {reference}", self.effects),
        ]
        return [(title, effects) for title, effects in tables if effects]


def summarize(comparison: Comparison) -> Summary:
    """Sum up a comparison under the protocol of history that is headlined; see `protocols`.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Summary
    """
    headline, other, unknown = protocols(comparison)
    finished = with_delivered(headline)
    metric = _metric(finished)
    aligned = align(finished, comparison.reference)
    otherwise = align(with_delivered(other), comparison.reference) if other else None
    apart = aligned.apart if aligned else {}
    results = {label: entry_result(label, runs, metric, aligned, otherwise) for label, runs in finished.items()}
    joined = [result for label, result in results.items() if label not in apart]
    whole = [label for label in finished if not left_out(label)]
    trained = [label for label in whole if variant_of(label) not in MADE_OF_RUNS]
    make = partial(make_effects, aligned, metric, samples=comparison.samples, seed=comparison.seeds[0], other=otherwise)
    transfers, sources, effects = _effects(headline, make, list(finished))
    weights = {label: found for label in trained if (found := mean_weights(finished[label]))}
    n_users = aligned.targets.n_users if aligned else 0
    masks = any(run.mask_history and run.mode == "full" for runs in finished.values() for run in runs.values())
    candidates = [row for row in joined if not left_out(row.label)]
    said = answer(metric, n_users, candidates, transfers, headline.deliveries, make)
    taught = any(run.source_datasets for run in finished.get(EVIDENCE.name, {}).values())
    return Summary(
        metric=metric,
        protocol=_protocol(headline),
        other_protocol=_history(masks) if otherwise else "",
        rows=joined,
        apart=[results[label] for label in apart],
        answer=said,
        to_use=_say_checkpoint(said.use, finished.get(said.use, {})),
        notes=[
            *divide(comparison.settings)[1].said(),
            *say_history(masks, otherwise is not None, comparison.description.repeats, unknown),
            *(say_asked(comparison.runs, masks) if otherwise else ()),
            *say_unseen(run for runs in finished.values() for run in runs.values()),
            *say_unshared(aligned),
            *say_too_few(comparison.samples, [effects, sources, transfers]),
        ],
        size=size(n_users, len(aligned.targets.users)) if aligned else "",
        effects=effects,
        transfers=transfers,
        sources=sources,
        groups=group_means(comparison.description, metric, aligned, [label for label in whole if label not in apart]),
        steps=make_steps(metric, aligned, said.label, taught, make) if said.label else [],
        weights=weights,
        answers=[
            *(say_delivered(label, of_seeds) for label, of_seeds in headline.deliveries.items()),
            *(say_effect(effect, f"Transfer with {effect.label}") for effect in transfers),
            *(say_effect(effect, f"{effect.label} in place of {effect.against}") for effect in effects),
            *(say_effect(effect, f"{effect.label} with {left_out(effect.against)}") for effect in sources),
            *say_weights(weights),
        ],
    )


def _say_checkpoint(label: str, runs: Mapping[int, RunResult]) -> str:
    """Say which checkpoint of a model is there."""
    there = (f"{run.checkpoint} (seed {seed})" for seed, run in runs.items() if Path(run.checkpoint or "").is_file())
    return next((f"Checkpoint of {label}: {file}" for file in there), "")


def _effects(
    comparison: Comparison, make: MakeEffects, labels: list[str]
) -> tuple[list[Effect], list[Effect], list[Effect]]:
    """Compare what transfers with its scratch control, itself with itself less a source, all with the reference."""
    whole = [label for label in labels if not left_out(label)]
    trained = [label for label in whole if variant_of(label) not in MADE_OF_RUNS]
    transferred = [label for label in trained if any(run.source_datasets for run in comparison.runs[label].values())]
    controls = [(label, beside(label, "scratch")) for label in transferred]
    transfers = make([(a, b) for a, b in controls if a != b and b in labels])
    shown = {(effect.label, effect.against) for effect in transfers}
    pairs = [(label, comparison.reference) for label in whole if label != comparison.reference]
    effects = make([pair for pair in pairs if pair not in shown])
    return transfers, make([(beside(label, ""), label) for label in labels if left_out(label)]), effects


def _history(masks: bool) -> str:
    """Name the other protocol of history."""
    return "history not masked" if masks else "history masked"


def _protocol(comparison: Comparison) -> str:
    """Say among what targets were ranked, as the first run that finished has it."""
    return next((protocol(run) for runs in comparison.runs.values() for run in runs.values()), "")


def with_delivered(comparison: Comparison) -> dict[str, dict[int, RunResult]]:
    """Return the finished runs, those that are to be used among them as entries of their own."""
    finished: dict[str, dict[int, RunResult]] = {}
    for label, runs in comparison.runs.items():
        if runs:
            finished[label] = runs
        if label in comparison.deliveries:
            finished[beside(label, DELIVERED)] = {
                seed: delivery.run for seed, delivery in comparison.deliveries[label].items()
            }
    return finished


def evidence_of(comparison: Comparison) -> dict[str, Mapping[str, Any]]:
    """Return, of each entry that is no control, what its evidence is with the first seed, if it knows the clock."""
    first, found = comparison.seeds[0], {}
    for label, runs in comparison.runs.items():
        evidence = runs[first].diagnostic("evidence") if first in runs else None
        if evidence and evidence["situations"] and not left_out(label) and variant_of(label) not in CONTROLS:
            found[label] = evidence
    return found


def _metric(finished: dict[str, dict[int, RunResult]]) -> str:
    names = [name for runs in finished.values() for run in runs.values() for name in run.test]
    of_ranks = [name for name in names if is_of_ranks(name)]
    return next((name for name in of_ranks if name.startswith("ndcg@")), [*of_ranks, *names, ""][0])
