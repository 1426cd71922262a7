"""A comparison as text: for a terminal, or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.effects import Effect
from recbole_metarec.comparison.entry_result import EntryResult
from recbole_metarec.comparison.group_means import labels_of
from recbole_metarec.comparison.summary import Summary, evidence_of
from recbole_metarec.evaluation.wording import interval, percent, spell
from recbole_metarec.runs.evidence_text import evidence_text


def text_report(comparison: Comparison, summary: Summary, markdown: bool = False) -> str:
    """Lay out a comparison.

    Parameters
    ----------
    comparison : Comparison
    summary : Summary
        Of it.
    markdown : bool
        For a file in place of a terminal.

    Returns
    -------
    str
    """
    style = "pipe" if markdown else "simple"
    between = "\n\n" if markdown else "\n"
    parts = [heading(comparison, summary), *opening(summary), _results(summary, summary.rows, style)]
    if summary.apart:
        parts.append(_titled("Tested on other targets", _results(summary, summary.apart, style), markdown))
    parts += [between.join(summary.notes), between.join(summary.answers)]
    if summary.steps:
        parts.append(_titled(f"Where {spell(summary.metric)} comes from", _steps(summary, style), markdown))
    for title, effects in summary.tables(comparison.reference):
        parts.append(_titled(title, _effects(summary, effects, style), markdown))
    for title, lines in summary.groups:
        labels = labels_of(lines)
        rows = [
            [name, size, *(number_or_blank(means.get(label)) for label in labels)]
            for name, size, means in lines
            if size
        ]
        table = tabulate(rows, [title, "targets", *labels], style, disable_numparse=True)
        parts.append(_titled(f"{spell(summary.metric)} by {title}", table, markdown))
    for label, weights in summary.weights.items():
        rows = [[name, f"{weight:.3f}"] for name, weight in weights.means.items()]
        table = tabulate(rows, ["source", "weight"], style, disable_numparse=True)
        parts.append(_titled(f"{label}: {weights.title}", table, markdown))
    for label, evidence in evidence_of(comparison).items():
        parts.append(_titled(f"Evidence, seed {comparison.seeds[0]}", evidence_text(label, evidence, style), markdown))
    parts += [f"{label}, seed {seed} failed: {why}" for (label, seed), why in comparison.failures.items()]
    return "\n\n".join(part for part in parts if part)


def heading(comparison: Comparison, summary: Summary) -> str:
    """Say in a line what was compared on what."""
    run = next((run for of_entry in comparison.runs.values() for run in of_entry.values()), None)
    if run is None:
        return f"{comparison.description.target}; no run finished"
    tested = f"test split: {summary.size}, " if summary.size else ""
    seeds = f"seed{'s' * (len(comparison.seeds) > 1)} {', '.join(map(str, comparison.seeds))}"
    return f"{comparison.description.target} to learn from; {tested}{summary.protocol}, {seeds}"


def opening(summary: Summary) -> list[str]:
    """Return what a report begins with: the answer, what to do next, what the metric says."""
    answer = summary.answer
    return [part for part in (answer.said, answer.next_step, summary.to_use, answer.meaning) if part]


def _titled(title: str, table: str, markdown: bool) -> str:
    return f"## {title}\n\n{table}" if markdown else f"{title}\n{table}"


def _results(summary: Summary, results: Sequence[EntryResult], style: str) -> str:
    if not results:
        return ""
    metrics, metric, other = list(results[0].means), spell(summary.metric), summary.other_protocol
    rows = [
        [
            row.label,
            str(row.seeds),
            *(mean_and_spread(row, name) for name in metrics),
            *([number_or_blank(row.other)] if other else ()),
            number_or_blank(row.valid),
            f"{row.epochs:.0f}",
            f"{row.seconds:.0f}",
        ]
        for row in results
    ]
    beside = [f"{metric}, {other}"] if other else []
    header = ["model", "seeds", *map(spell, metrics), *beside, f"valid {metric}", "epochs", "seconds"]
    return tabulate(rows, header, style, disable_numparse=True)


def _steps(summary: Summary, style: str) -> str:
    rows = [
        [
            step.part,
            step.label,
            f"{step.mean:.4f}",
            percent(step.effect.change.relative) if step.effect else "",
            interval(step.effect.change) if step.effect else "",
        ]
        for step in summary.steps
    ]
    return tabulate(rows, ["with", "as", spell(summary.metric), "adds", "95% interval"], style, disable_numparse=True)


def mean_and_spread(row: EntryResult, metric: str) -> str:
    """Write a metric of an entry; one seed has no spread."""
    mean = f"{row.means[metric]:.4f}"
    return f"{mean} ± {row.spreads[metric]:.4f}" if row.seeds > 1 else mean


def number_or_blank(value: float | None) -> str:
    """Write a metric, or nothing where there is none."""
    return "" if value is None or value != value else f"{value:.4f}"


def percent_or_blank(value: float | None) -> str:
    """Write a relative change, or nothing where there is none."""
    return "" if value is None else percent(value)


def by_seed(effect: Effect) -> str:
    """Write the change of each seed, where there are several."""
    changes = effect.change.of_seeds
    return ", ".join(map(percent, changes)) if len(changes) > 1 else "one seed"


def _effects(summary: Summary, effects: Sequence[Effect], style: str) -> str:
    other = summary.other_protocol
    rows = [
        [
            effect.label,
            effect.short_against,
            percent(effect.change.relative),
            interval(effect.change),
            by_seed(effect),
            f"{effect.adjusted_p:.4f}",
            effect.verdict,
            *([percent_or_blank(effect.other)] if other else ()),
        ]
        for effect in effects
    ]
    metric, beside = spell(summary.metric), [other] if other else []
    header = ["model", "against", metric, "95% interval", "by seed", "p (Holm)", "verdict", *beside]
    return tabulate(rows, header, style, disable_numparse=True)
