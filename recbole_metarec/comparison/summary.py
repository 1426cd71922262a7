"""What a comparison says: means and spreads, effects with intervals, parts of the users, answers in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.entries import left_out
from recbole_metarec.config import MODELS
from recbole_metarec.evaluation.ranking import Floats, is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.report import RunResult, interval, percent, spell
from recbole_metarec.evaluation.significance import Change, holm, paired_bootstrap

LEVEL = 0.05

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
        Of each test metric over seeds; the spread is the standard deviation, 0 for one seed.
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
        Over users, whose metrics are means over the seeds that both finished.
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
        """``helps``, ``hurts`` or ``no clear difference``, after the correction."""
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
    effects : list of Effect
        Each of them against the reference.
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
    effects: list[Effect]
    transfers: list[Effect]
    sources: list[Effect]
    groups: list[tuple[str, list[Group]]]
    weights: dict[str, dict[str, float]]
    answers: list[str]

    def tables(self, reference: str) -> list[tuple[str, list[Effect]]]:
        """Put effects into tables with titles; none is empty, none says what another says."""
        tables = [("Transfer against scratch", self.transfers), ("With a source against without", self.sources)]
        if self.effects != self.transfers:
            tables.append((f"Against {reference}", self.effects))
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
    finished = {label: runs for label, runs in comparison.runs.items() if runs}
    metric = _metric(finished)
    rows = [_row(label, runs, metric) for label, runs in finished.items()]
    lacking = [label for label in finished if left_out(label)]
    others = {label: runs for label, runs in finished.items() if label not in lacking}
    effects = _effects(
        comparison, metric, [(label, comparison.reference) for label in others if label != comparison.reference]
    )
    controls = [(label, f"{label.partition(':')[0]}:scratch") for label in others]
    sources = _effects(comparison, metric, [(label.partition(":")[0], label) for label in lacking])
    transfers = _effects(comparison, metric, [(a, b) for a, b in controls if a != b and b in finished])
    weights = {label: found for label, runs in others.items() if (found := _weights(runs))}
    return Summary(
        metric,
        rows,
        effects,
        transfers,
        sources,
        _groups(comparison, metric, others),
        weights,
        _answers(rows, transfers, sources, effects, weights, comparison.reference),
    )


def sentence(effect: Effect, subject: str) -> str:
    """Say an effect in words."""
    change = effect.change
    if np.isnan(change.relative):
        return f"{subject}: {effect.against} finds no target, nothing to compare with."
    measured = f"{percent(change.relative)}, 95% CI {interval(change)}"
    said = {"helps": "helps", "hurts": "hurts: negative transfer" if subject.startswith("Transfer") else "hurts"}
    return f"{subject} {said.get(effect.verdict, 'makes no clear difference')} ({spell(effect.metric)} {measured})."


def _metric(finished: dict[str, dict[int, RunResult]]) -> str:
    names = [name for runs in finished.values() for run in runs.values() for name in run.test]
    known = [name for name in names if is_of_ranks(name)]
    return next((name for name in known if name.startswith("ndcg@")), known[0] if known else "")


def _row(label: str, runs: dict[int, RunResult], metric: str) -> Row:
    every = list(runs.values())
    values = {name: np.array([run.test[name] for run in every]) for name in every[0].test}
    return Row(
        label,
        len(every),
        {name: float(found.mean()) for name, found in values.items()},
        {name: float(found.std(ddof=1)) if len(every) > 1 else 0.0 for name, found in values.items()},
        float(np.mean([run.valid.get(metric, np.nan) for run in every])),
        *(float(np.mean([getattr(run, key) for run in every])) for key in ("seconds", "epochs", "peak_memory")),
    )


def _per_user(runs: dict[int, RunResult], seeds: list[int], metric: str) -> Floats | None:
    ranks = [runs[seed].ranks for seed in seeds]
    found = [metric_of_ranks(metric, of_run) for of_run in ranks if of_run is not None]
    return np.mean(found, axis=0) if found and len(found) == len(seeds) else None


def _effects(comparison: Comparison, metric: str, pairs: list[tuple[str, str]]) -> list[Effect]:
    found: list[tuple[str, str, Change]] = []
    for label, against in pairs:
        ours, theirs = comparison.runs.get(label, {}), comparison.runs.get(against, {})
        shared = sorted(ours.keys() & theirs.keys())
        a, b = (_per_user(runs, shared, metric) for runs in (ours, theirs))
        if shared and metric and a is not None and b is not None and a.shape == b.shape:
            found.append((label, against, paired_bootstrap(a, b, comparison.samples, comparison.seeds[0])))
    adjusted = holm([1.0 if np.isnan(change.p) else change.p for *_, change in found])
    return [
        Effect(label, against, metric, change, p) for (label, against, change), p in zip(found, adjusted, strict=True)
    ]


def _groups(
    comparison: Comparison, metric: str, finished: dict[str, dict[int, RunResult]]
) -> list[tuple[str, list[Group]]]:
    tables = []
    values = {label: _per_user(runs, sorted(runs), metric) for label, runs in finished.items()} if metric else {}
    for grouping in comparison.groupings:
        lines: list[Group] = []
        for number, (name, size) in enumerate(zip(grouping.names, grouping.sizes(), strict=True)):
            inside = grouping.group == number
            means = {
                label: float(found[inside].mean())
                for label, found in values.items()
                if found is not None and size and found.shape == inside.shape
            }
            lines.append((name, size, means))
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
    rows: list[Row],
    transfers: list[Effect],
    sources: list[Effect],
    effects: list[Effect],
    weights: dict[str, dict[str, float]],
    reference: str,
) -> list[str]:
    answers = [sentence(effect, f"Transfer with {effect.label}") for effect in transfers]
    answers += [
        sentence(effect, f"{effect.label} in place of {reference}")
        for effect in effects
        if (effect.label, effect.against) not in [(other.label, other.against) for other in transfers]
    ]
    baselines = [row for row in rows if row.label.partition(":")[0] not in MODELS]
    ours = [row for row in rows if row.label in {effect.label for effect in transfers}]
    metric = effects[0].metric if effects else ""
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
