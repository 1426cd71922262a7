"""The tables of a comparison's page: cells of text, and charts among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.effects import LEVEL, Effect
from recbole_metarec.comparison.entry_result import EntryResult
from recbole_metarec.comparison.group_means import labels_of
from recbole_metarec.comparison.plots import axis_bound, interval_bar, waterfall
from recbole_metarec.comparison.summary import Summary
from recbole_metarec.comparison.text_report import by_seed, mean_and_spread, number_or_blank, percent_or_blank
from recbole_metarec.evaluation.wording import interval, percent, spell


@dataclass(frozen=True)
class Table:
    """A table, which narrow screens show as a list for each row.

    Attributes
    ----------
    title : str
    header : list of str
        Names of the columns; of the first, what rows are.
    rows : list of list of str
        Cells; what is `Markup` is drawn.
    note : str
        Below it.
    marked : str
        First cell of the row that is marked; empty for none.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    marked: str = ""


def results_table(summary: Summary, reference: str) -> Table:
    """Lay out what each entry found, and what it took."""
    metrics = list(summary.rows[0].means) if summary.rows else []
    metric, other = spell(summary.metric), summary.other_protocol
    beside = [f"{metric}, {other}"] if other else []
    header = ["model", "seeds", *map(spell, metrics), *beside, f"valid {metric}", "epochs", "seconds", "MB"]

    def cells(row: EntryResult, label: str) -> list[str]:
        return [
            label,
            str(row.seeds),
            *(mean_and_spread(row, name) if name in row.means else "" for name in metrics),
            *([number_or_blank(row.other)] if other else ()),
            number_or_blank(row.valid),
            f"{row.epochs:.0f}",
            f"{row.seconds:,.0f}",
            f"{row.peak_memory:,.0f}",
        ]

    rows = [cells(row, row.label) for row in summary.rows]
    rows += [cells(row, f"{row.label} (other targets)") for row in summary.apart]
    spreads = "Means over seeds, standard deviation behind them. "
    several = spreads * any(row.seeds > 1 for row in summary.rows)
    return Table("Results", header, rows, f"{several}MB: largest memory of the process during a run.", reference)


def steps_table(summary: Summary) -> Table | None:
    """Lay out where the result comes from as a waterfall; ``None`` if too little was measured."""
    if not summary.steps:
        return None
    changes = [step.effect.change if step.effect else None for step in summary.steps]
    strips = waterfall([(step.mean, change) for step, change in zip(summary.steps, changes, strict=True)])
    metric = spell(summary.metric)
    rows = [
        [
            step.part,
            Markup(strip),
            f"{step.mean:.4f}",
            f"{percent(change.relative)} ({interval(change)})" if change else "",
            step.label,
        ]
        for step, strip, change in zip(summary.steps, strips, changes, strict=True)
    ]
    note = (
        "Each line is a model that was run, and what it has more than the one above. Bars are differences, with the "
        "95% interval, on an axis that does not begin at 0."
    )
    return Table(f"Where {metric} comes from", ["with", "", metric, "adds", "model"], rows, note)


def effect_tables(summary: Summary, reference: str) -> list[Table]:
    """Lay out effects with their intervals as bars."""
    return [_effects(summary, title, effects) for title, effects in summary.tables(reference)]


def _effects(summary: Summary, title: str, effects: Sequence[Effect]) -> Table:
    bound = axis_bound([max(abs(effect.change.low), abs(effect.change.high)) for effect in effects])
    metric, other = spell(summary.metric), summary.other_protocol
    beside = [f"{metric}, {other}"] if other else []
    axis = f"\u2212{bound:.0%} to +{bound:.0%}"
    header = ["model", "against", metric, "95% interval", axis, "by seed", "p (Holm)", "verdict", *beside]
    rows = [
        [
            effect.label,
            effect.short_against,
            percent(effect.change.relative),
            interval(effect.change),
            Markup(interval_bar(effect.change, bound, effect.adjusted_p < LEVEL)),
            by_seed(effect),
            f"{effect.adjusted_p:.4f}",
            effect.verdict,
            *([percent_or_blank(effect.other)] if other else ()),
        ]
        for effect in effects
    ]
    return Table(title, header, rows)


def group_tables(summary: Summary) -> list[Table]:
    """Lay out the metric over parts of the targets, a column for each part."""
    tables = []
    for title, lines in summary.groups:
        parts = [(name, size, means) for name, size, means in lines if size]
        header = ["model", *(f"{name} ({size:,})" for name, size, _ in parts)]
        rows = [[label, *(number_or_blank(means.get(label)) for _, _, means in parts)] for label in labels_of(lines)]
        tables.append(Table(f"{spell(summary.metric)} by {title}", header, rows))
    return tables


def codebook_table(comparison: Comparison) -> Table | None:
    """Lay out how codes are used with the first seed."""
    first = comparison.seeds[0]
    used = {label: runs[first].diagnostic("codebook") for label, runs in comparison.runs.items() if first in runs}
    rows = [
        [label, f"{usage['share']:.0%}", f"{usage['perplexity']:.0f}", f"{usage['collisions']:.1%}"]
        for label, usage in used.items()
        if usage
    ]
    header = ["model", "codes in use", "perplexity", "items that share all codes"]
    return Table("Codebooks", header, rows) if rows else None
