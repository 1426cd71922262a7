"""A comparison as one self-contained HTML page."""

from __future__ import annotations

import json
import platform
import shlex
from importlib.resources import files
from typing import Any

import jinja2
import recbole
import torch
import yaml

from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.effects import Effect
from recbole_metarec.comparison.entries import Entry
from recbole_metarec.comparison.entry_result import EntryResult
from recbole_metarec.comparison.evidence_table import evidence_table
from recbole_metarec.comparison.group_means import labels_of
from recbole_metarec.comparison.labels import left_out
from recbole_metarec.comparison.plots import heat_map, interval_bar, line_chart
from recbole_metarec.comparison.summary import Summary, evidence_of
from recbole_metarec.comparison.text_report import by_seed, heading, mean_and_spread, number_or_blank
from recbole_metarec.evaluation.wording import interval, percent, spell
from recbole_metarec.runs.evidence_text import say_shifts, say_taught, say_worth


def html_page(comparison: Comparison, summary: Summary) -> str:
    """Lay out a comparison as HTML that needs no other file and no network.

    Parameters
    ----------
    comparison : Comparison
    summary : Summary
        Of it.

    Returns
    -------
    str
    """
    source = files("recbole_metarec.comparison").joinpath("page.html").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    metrics = list(summary.rows[0].means) if summary.rows else []
    shown = template.render(
        dataset=comparison.settings["dataset"],
        heading=heading(comparison, summary),
        notes=summary.notes,
        answers=summary.answers,
        metrics=[spell(name) for name in metrics],
        metric=spell(summary.metric),
        valid_metric=comparison.settings.get("valid_metric", "NDCG@10"),
        seed=comparison.seeds[0],
        reference=comparison.reference,
        rows=[_row(row, metrics) for row in summary.rows],
        apart=[_row(row, metrics) for row in summary.apart],
        effect_tables=[_effects(title, effects) for title, effects in summary.tables(comparison.reference)],
        groups=_groups(summary),
        curves=_curves(comparison),
        weights=_weights(comparison, summary),
        evidence=_evidence(comparison),
        codebooks=_codebooks(comparison),
        failures=[f"{label}, seed {seed}: {why}" for (label, seed), why in comparison.failures.items()],
        target=comparison.description.target,
        sources=comparison.description.sources,
        command=_command(comparison),
        configurations=[(entry.label, _configuration(entry)) for entry in comparison.entries],
        versions=f"Python {platform.python_version()}, torch {torch.__version__}, RecBole {recbole.__version__}, "
        f"{platform.machine()}",
    )
    return str(shown)


def _row(row: EntryResult, metrics: list[str]) -> dict[str, Any]:
    numbers = [mean_and_spread(row, name) for name in metrics]
    cells = [
        *numbers,
        number_or_blank(row.valid),
        f"{row.epochs:.0f}",
        f"{row.seconds:,.0f}",
        f"{row.peak_memory:,.0f}",
    ]
    return {"label": row.label, "seeds": row.seeds, "cells": cells}


def _effects(title: str, effects: list[Effect]) -> tuple[str, str, list[dict[str, str]]]:
    bounds = [abs(value) for effect in effects for value in effect.change[1:3] if value == value]
    bound = max([*bounds, 0.01])
    lines = [
        {
            "label": effect.label,
            "against": effect.short_against,
            "change": percent(effect.change.relative),
            "interval": interval(effect.change),
            "by_seed": by_seed(effect),
            "bar": interval_bar(effect.change, bound),
            "p": f"{effect.adjusted_p:.4f}",
            "verdict": effect.verdict,
        }
        for effect in effects
    ]
    return title, f"{bound:.0%}", lines


def _groups(summary: Summary) -> list[tuple[str, list[str], list[tuple[str, str, list[str]]]]]:
    tables = []
    for title, lines in summary.groups:
        labels = labels_of(lines)
        rows = [
            (name, f"{size:,}", [number_or_blank(means.get(label)) for label in labels])
            for name, size, means in lines
            if size
        ]
        tables.append((title, labels, rows))
    return tables


def _curves(comparison: Comparison) -> str:
    first = comparison.seeds[0]
    series = {
        label: runs[first].curve for label, runs in comparison.runs.items() if first in runs and not left_out(label)
    }
    return line_chart(series, "validation by epoch")


def _weights(comparison: Comparison, summary: Summary) -> list[tuple[str, str, str]]:
    tables = []
    for label, weights in summary.weights.items():
        run = comparison.runs[label].get(comparison.seeds[0])
        said = "Mean weights" if weights.differ else "Mean weights, which do not differ clearly"
        means = f"{said}: " + ", ".join(f"{name} {weight:.3f}" for name, weight in weights.means.items())
        history = run.diagnostic("weight_history") if run else []
        tables.append((label, heat_map(history, f"source weights of {label}"), means))
    return tables


def _evidence(comparison: Comparison) -> list[tuple[str, str, str, list[str]]]:
    """Return, of each entry that is no control, what its evidence was learnt on, its table and sentences."""
    return [
        (label, say_taught(evidence), evidence_table(evidence), [*say_worth(evidence), *say_shifts(evidence)])
        for label, evidence in evidence_of(comparison).items()
    ]


def _codebooks(comparison: Comparison) -> list[list[str]]:
    first = comparison.seeds[0]
    used = {label: runs[first].diagnostic("codebook") for label, runs in comparison.runs.items() if first in runs}
    return [
        [label, f"{usage['share']:.0%}", f"{usage['perplexity']:.0f}", f"{usage['collisions']:.1%}"]
        for label, usage in used.items()
        if usage
    ]


def _configuration(entry: Entry) -> str:
    """Return all settings of an entry, defaults of all layers among them, as a property file."""
    effective = {key: value for key, value in entry.resolved.values.items() if key != "model"}
    plain = json.loads(json.dumps(effective, default=str))
    text: str = yaml.safe_dump(plain, sort_keys=True, allow_unicode=True)
    return text


def _command(comparison: Comparison) -> str:
    def value(given: Any) -> str:
        return ",".join(map(str, given)) if isinstance(given, (list, tuple)) else str(given)

    arguments = [f"--{key}={value(given)}" for key, given in comparison.settings.items()]
    return " ".join(["python run_recbole_metarec.py", *(shlex.quote(argument) for argument in arguments)])
