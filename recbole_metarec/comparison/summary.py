"""What a comparison says: means and spreads, effects with intervals, parts of the users, answers in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from recbole_metarec.comparison.alignment import Alignment, align
from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.entries import left_out
from recbole_metarec.evaluation.ranking import is_of_ranks
from recbole_metarec.evaluation.significance import Change, holm, paired_bootstrap
from recbole_metarec.models import SPECS
from recbole_metarec.runs.delivery import Delivery
from recbole_metarec.runs.report import interval, percent, size, spell, why
from recbole_metarec.runs.result import RunResult

LEVEL = 0.05

DELIVERED = "delivered"
"""Ends the label of the runs that are to be used."""
MADE_OF_RUNS = (DELIVERED, "ensemble")
"""Ends of the labels of what is made of other runs of the comparison."""

Group = tuple[str, int, dict[str, float]]
"""A part of the users: its name, its size, and each entry's mean of the metric."""


@dataclass(frozen=True)
class Row:
    """An entry's results.

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


@dataclass(frozen=True)
class Effect:
    """An entry against another one.

    Attributes
    ----------
    label, against : str
    metric : str
    change : Change
        Over the targets that all models share, and the seeds that both finished.
    adjusted_p : float
        After Holm's correction for all comparisons of the same kind.
    """

    label: str
    against: str
    metric: str
    change: Change
    adjusted_p: float

    @property
    def verdict(self) -> str:
        """See `Change.verdict`; what is not clear after the correction is no clear difference."""
        return self.change.verdict if self.adjusted_p < LEVEL else "no clear difference"

    @property
    def short_against(self) -> str:
        """What it is compared with; of itself without a source, the variant alone."""
        return self.against.removeprefix(f"{self.label}:") if left_out(self.against) else self.against


@dataclass(frozen=True)
class Summary:
    """What is shown of a comparison.

    Attributes
    ----------
    metric : str
        Metric that effects are of.
    rows : list of Row
        Entries with a finished run, in order.
    apart : list of Row
        Those among them that were tested on other targets, and are compared with nothing.
    notes : list of str
        Sentences about what is not compared, not over all targets, or cannot come out clear.
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
    weights : dict of str to dict of str to float
        Mean source weights by entry, the largest first; entries that lack a source are left out.
    answers : list of str
        Sentences.
    """

    metric: str
    rows: list[Row]
    apart: list[Row]
    notes: list[str]
    size: str
    effects: list[Effect]
    transfers: list[Effect]
    sources: list[Effect]
    groups: list[tuple[str, list[Group]]]
    weights: dict[str, dict[str, float]]
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
    """Sum up a comparison.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Summary
    """
    finished = with_delivered(comparison)
    metric = _metric(finished)
    aligned = align(finished, comparison.reference)
    apart = aligned.apart if aligned else {}
    rows = {label: _row(label, runs, metric, aligned) for label, runs in finished.items()}
    lacking = [label for label in finished if left_out(label)]
    others = {label: runs for label, runs in finished.items() if label not in lacking}
    compare = partial(_effects, comparison, finished, metric, aligned)
    trained = [label for label in others if label.partition(":")[2] not in MADE_OF_RUNS]
    controls = [(label, f"{label.partition(':')[0]}:scratch") for label in trained]
    transfers = compare([(a, b) for a, b in controls if a != b and b in finished])
    shown = {(effect.label, effect.against) for effect in transfers}
    pairs = [(label, comparison.reference) for label in others if label != comparison.reference]
    effects = compare([pair for pair in pairs if pair not in shown])
    sources = compare([(label.partition(":")[0], label) for label in lacking])
    weights = {label: found for label in trained if (found := _weights(others[label]))}
    joined = [row for label, row in rows.items() if label not in apart]
    return Summary(
        metric,
        joined,
        [rows[label] for label in apart],
        [*_notes(aligned), *_too_few(comparison.samples, [effects, sources, transfers])],
        size(aligned.targets.n_users, len(aligned.targets.users)) if aligned else "",
        effects,
        transfers,
        sources,
        _groups(comparison, metric, aligned, [label for label in others if label not in apart]),
        weights,
        [
            *(_to_use(label, of_seeds) for label, of_seeds in comparison.deliveries.items()),
            *_answers(metric, joined, transfers, sources, effects, weights),
        ],
    )


def with_delivered(comparison: Comparison) -> dict[str, dict[int, RunResult]]:
    """Return the finished runs, those that are to be used among them as entries of their own."""
    finished: dict[str, dict[int, RunResult]] = {}
    for label, runs in comparison.runs.items():
        if runs:
            finished[label] = runs
        if label in comparison.deliveries:
            finished[f"{label}:{DELIVERED}"] = {
                seed: delivery.run for seed, delivery in comparison.deliveries[label].items()
            }
    return finished


def _to_use(label: str, deliveries: dict[int, Delivery]) -> str:
    by_variant: dict[str, list[str]] = {}
    for seed, delivery in deliveries.items():
        by_variant.setdefault(delivery.run.label, []).append(str(seed))
    chosen = "; ".join(
        f"{run} with seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" for run, seeds in by_variant.items()
    )
    first = next(iter(deliveries.values()))
    rule = "the simplest within one standard error of the best on validation" if first.validated else why(first)
    return f"To be used ({label}:{DELIVERED}): {chosen}; {rule}."


def _notes(aligned: Alignment | None) -> list[str]:
    if aligned is None:
        return []
    n_targets = len(aligned.targets.users)
    notes = [
        f"{label} was tested on {n:,} targets; the {n_targets:,} that all models of the table have count."
        for label, n in aligned.beyond.items()
    ]
    return notes + [
        f"{label} is not comparable: of the targets of the other models it was tested on {n:,} only."
        for label, n in aligned.apart.items()
    ]


def _too_few(samples: int, tables: list[list[Effect]]) -> list[str]:
    """Say where resamples are too few for any comparison of a table to come out clear."""
    most = max(map(len, tables))
    if most < LEVEL * samples:
        return []
    return [
        f"bootstrap_samples={samples} can call none of {most} comparisons clear; take {int(most / LEVEL) + 1} or more."
    ]


def sentence(effect: Effect, subject: str) -> str:
    """Say an effect in words."""
    change = effect.change
    if np.isnan(change.relative):
        return f"{subject}: {effect.against} finds no target, nothing to compare with."
    measured = f"{percent(change.relative)}, 95% CI {interval(change)}"
    said = {
        "helps": "helps",
        "hurts": "hurts: negative transfer" if subject.startswith("Transfer") else "hurts",
        "ahead in one seed": "is ahead in the one seed that was run",
        "behind in one seed": "is behind in the one seed that was run",
    }
    unclear = "makes no clear difference"
    if effect.verdict != change.verdict:
        unclear += " after correction for several comparisons"
    return f"{subject} {said.get(effect.verdict, unclear)} ({spell(effect.metric)} {measured})."


def _metric(finished: dict[str, dict[int, RunResult]]) -> str:
    names = [name for runs in finished.values() for run in runs.values() for name in run.test]
    known = [name for name in names if is_of_ranks(name)]
    return next((name for name in known if name.startswith("ndcg@")), [*known, *names, ""][0])


def _row(label: str, runs: dict[int, RunResult], metric: str, aligned: Alignment | None) -> Row:
    every = list(runs.values())
    values = {name: np.array([run.test[name] for run in every]) for name in every[0].test}
    if aligned and label in aligned.ranks:
        seeds = sorted(aligned.ranks[label])
        values |= {name: aligned.values(label, seeds, name).mean(1) for name in values if is_of_ranks(name)}
    return Row(
        label,
        len(every),
        {name: float(found.mean()) for name, found in values.items()},
        {name: float(found.std(ddof=1)) if len(every) > 1 else 0.0 for name, found in values.items()},
        float(np.mean([run.valid.get(metric, np.nan) for run in every])),
        *(float(np.mean([getattr(run, key) for run in every])) for key in ("seconds", "epochs", "peak_memory")),
    )


def _effects(
    comparison: Comparison,
    finished: dict[str, dict[int, RunResult]],
    metric: str,
    aligned: Alignment | None,
    pairs: list[tuple[str, str]],
) -> list[Effect]:
    found: list[tuple[str, str, Change]] = []
    users = aligned.targets.user_numbers() if aligned else None
    for label, against in pairs:
        ranks = aligned.ranks if aligned else {}
        shared = sorted(ranks.get(label, {}).keys() & ranks.get(against, {}).keys())
        if aligned and shared and is_of_ranks(metric):
            ours, theirs = (aligned.values(each, shared, metric) for each in (label, against))
            change = paired_bootstrap(ours, theirs, comparison.samples, comparison.seeds[0], users)
            found.append((label, against, change))
    adjusted = holm([1.0 if np.isnan(change.p) else change.p for *_, change in found])
    return [
        Effect(label, against, metric, change, p) for (label, against, change), p in zip(found, adjusted, strict=True)
    ]


def _groups(
    comparison: Comparison, metric: str, aligned: Alignment | None, labels: list[str]
) -> list[tuple[str, list[Group]]]:
    if aligned is None or comparison.grouped is None or not is_of_ranks(metric):
        return []
    here, there = aligned.rows_of(comparison.grouped)
    values = {
        label: aligned.values(label, sorted(aligned.ranks[label]), metric).mean(0)[here]
        for label in labels
        if label in aligned.ranks
    }
    tables = []
    for grouping in comparison.groupings:
        lines: list[Group] = []
        for number, name in enumerate(grouping.names):
            inside = grouping.group[there] == number
            means = {label: float(found[inside].mean()) for label, found in values.items() if inside.any()}
            lines.append((name, int(inside.sum()), means))
        tables.append((grouping.title, lines))
    return tables


def labels_of(lines: list[Group]) -> list[str]:
    """Return the entries that a table of groups has numbers of, in order."""
    return list(dict.fromkeys(label for _, _, means in lines for label in means))


def _weights(runs: dict[int, RunResult]) -> dict[str, float] | None:
    every = [run.source_weights for run in runs.values() if run.source_weights]
    if not every:
        return None
    means = {name: float(np.mean([found[name] for found in every])) for name in every[0]}
    return dict(sorted(means.items(), key=lambda pair: -pair[1]))


def _answers(
    metric: str,
    rows: list[Row],
    transfers: list[Effect],
    sources: list[Effect],
    effects: list[Effect],
    weights: dict[str, dict[str, float]],
) -> list[str]:
    answers = [sentence(effect, f"Transfer with {effect.label}") for effect in transfers]
    answers += [sentence(effect, f"{effect.label} in place of {effect.against}") for effect in effects]
    baselines = [row for row in rows if row.label.partition(":")[0] not in SPECS]
    ours = [row for row in rows if row.label in {effect.label for effect in transfers}]
    if baselines and ours and metric:
        best, best_of_ours = (max(group, key=lambda row: row.valid) for group in (baselines, ours))
        change = best_of_ours.means[metric] / best.means[metric] - 1 if best.means[metric] else float("nan")
        chosen = "each the best of its kind on validation"
        answers.append(f"{best_of_ours.label} has {percent(change)} {spell(metric)} beside {best.label}, {chosen}.")
    answers += [sentence(effect, f"{effect.label} with {left_out(effect.against)}") for effect in sources]
    for label, of_sources in weights.items():
        if len(of_sources) < 2:
            continue
        most, *_, least = of_sources.items()
        answers.append(f"{label} weighs {most[0]} most ({most[1]:.3f}) and {least[0]} least ({least[1]:.3f}).")
    return answers
