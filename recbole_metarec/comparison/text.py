"""A comparison as text: for a terminal, or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.summary import Effect, Row, Summary, labels_of
from recbole_metarec.evaluation.report import interval, percent, spell


def render(comparison: Comparison, summary: Summary, markdown: bool = False) -> str:
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
    parts = [heading(comparison), _results(summary, style), "\n".join(summary.answers)]
    for title, effects in summary.tables(comparison.reference):
        parts.append(_titled(title, _effects(effects, style), markdown))
    for title, lines in summary.groups:
        labels = labels_of(lines)
        rows = [
            [name, size, *(number_or_blank(means.get(label)) for label in labels)]
            for name, size, means in lines
            if size
        ]
        table = tabulate(rows, [title, "users", *labels], style, disable_numparse=True)
        parts.append(_titled(f"{spell(summary.metric)} by {title}", table, markdown))
    for label, weights in summary.weights.items():
        table = tabulate([[name, f"{weight:.3f}"] for name, weight in weights.items()], ["source", "weight"], style)
        parts.append(_titled(f"{label}: source weights", table, markdown))
    parts += [f"{label}, seed {seed} failed: {why}" for (label, seed), why in comparison.failures.items()]
    return "\n\n".join(part for part in parts if part)


def heading(comparison: Comparison) -> str:
    """Say in a line what was compared on what."""
    runs = [run for of_entry in comparison.runs.values() for run in of_entry.values()]
    masked = "masked" if runs and runs[0].mask_history else "not masked"
    users = f"{runs[0].n_users:,} test users, " if runs else ""
    seeds = ", ".join(map(str, comparison.seeds))
    return f"{comparison.target or 'no run finished'}; {users}full ranking, history {masked}, seeds {seeds}"


def _titled(title: str, table: str, markdown: bool) -> str:
    return f"## {title}\n\n{table}" if markdown else f"{title}\n{table}"


def _results(summary: Summary, style: str) -> str:
    if not summary.rows:
        return ""
    metrics = list(summary.rows[0].means)
    rows = [
        [
            row.label,
            str(row.seeds),
            *(mean_and_spread(row, name) for name in metrics),
            number_or_blank(row.valid),
            f"{row.epochs:.0f}",
            f"{row.seconds:.0f}",
        ]
        for row in summary.rows
    ]
    header = ["model", "seeds", *map(spell, metrics), f"valid {spell(summary.metric)}", "epochs", "seconds"]
    return tabulate(rows, header, style, disable_numparse=True)


def mean_and_spread(row: Row, metric: str) -> str:
    """Write a metric of an entry; one seed has no spread."""
    mean = f"{row.means[metric]:.4f}"
    return f"{mean} ± {row.spreads[metric]:.4f}" if row.seeds > 1 else mean


def number_or_blank(value: float | None) -> str:
    """Write a metric, or nothing where there is none."""
    return "" if value is None or value != value else f"{value:.4f}"


def _effects(effects: Sequence[Effect], style: str) -> str:
    rows = [
        [
            effect.label,
            effect.short_against,
            percent(effect.change.relative),
            interval(effect.change),
            f"{effect.adjusted_p:.4f}",
            effect.verdict,
        ]
        for effect in effects
    ]
    header = ["model", "against", spell(effects[0].metric), "95% interval", "p (Holm)", "verdict"]
    return tabulate(rows, header, style, disable_numparse=True)
