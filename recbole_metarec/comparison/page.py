"""A comparison as one self-contained HTML page."""

from __future__ import annotations

import json
import platform
import shlex
from datetime import date
from importlib.resources import files
from typing import Any

import jinja2
import recbole
import torch
import yaml

from recbole_metarec import __version__
from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.entries import Entry
from recbole_metarec.comparison.evidence_table import evidence_table
from recbole_metarec.comparison.labels import left_out, parse
from recbole_metarec.comparison.page_tables import (
    codebook_table,
    effect_tables,
    group_tables,
    results_table,
    steps_table,
)
from recbole_metarec.comparison.plots import heat_map, line_chart
from recbole_metarec.comparison.summary import Summary, evidence_of
from recbole_metarec.comparison.text_report import heading
from recbole_metarec.models import SPECS
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
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    dataset, today = comparison.settings["dataset"], date.today()
    shown = environment.from_string(_file("page.html")).render(
        style=_file("page.css"),
        title=f"{dataset}: do other domains help?" if summary.transfers else f"{dataset}: models side by side",
        made=f"{today.day} {today:%B %Y}, {_versions()}",
        heading=heading(comparison, summary),
        answer=summary.answer,
        to_use=summary.to_use,
        notes=summary.notes,
        answers=summary.answers,
        valid_metric=comparison.settings.get("valid_metric", "NDCG@10"),
        seed=comparison.seeds[0],
        masks_history=any(run.mask_history for runs in comparison.runs.values() for run in runs.values()),
        steps=steps_table(summary),
        results=results_table(summary, comparison.reference),
        effects=effect_tables(summary, comparison.reference),
        groups=group_tables(summary),
        curves=_curves(comparison),
        weights=_weights(comparison, summary),
        evidence=_evidence(comparison),
        codebooks=codebook_table(comparison),
        failures=[f"{label}, seed {seed}: {why}" for (label, seed), why in comparison.failures.items()],
        target=comparison.description.target,
        sources=comparison.description.sources,
        command=_command(comparison),
        configurations=[(entry.label, _configuration(entry)) for entry in comparison.entries],
    )
    return str(shown)


def _file(name: str) -> str:
    return files("recbole_metarec.comparison").joinpath(name).read_text(encoding="utf-8")


def _versions() -> str:
    python = f"Python {platform.python_version()} on {platform.machine()}"
    return f"recbole-metarec {__version__}, RecBole {recbole.__version__}, torch {torch.__version__}, {python}"


def _curves(comparison: Comparison) -> str:
    """Draw validation by epoch, and what it comes to when evidence has joined a model of this package."""
    first, metric = comparison.seeds[0], str(comparison.settings.get("valid_metric", "NDCG@10")).lower()
    runs = {
        label: of_entry[first]
        for label, of_entry in comparison.runs.items()
        if first in of_entry and not left_out(label) and len(of_entry[first].curve) > 1
    }
    joined = {
        label: run.valid[metric]
        for label, run in runs.items()
        if parse(label)[0].model in SPECS and metric in run.valid and run.valid[metric] != max(run.curve)
    }
    return line_chart({label: run.curve for label, run in runs.items()}, "validation by epoch", joined)


def _weights(comparison: Comparison, summary: Summary) -> list[tuple[str, str, str]]:
    tables = []
    for label, weights in summary.weights.items():
        run = comparison.runs[label].get(comparison.seeds[0])
        said = "Mean weights" if weights.differ else "Mean weights, which do not differ clearly"
        means = f"{said}: " + ", ".join(f"{name} {weight:.3f}" for name, weight in weights.means.items())
        history = run.diagnostic("weight_history") if run else []
        tables.append((label, heat_map(history, list(weights.means)), means))
    return tables


def _evidence(comparison: Comparison) -> list[tuple[str, str, str, list[str]]]:
    """Return, of each entry that is no control, what its evidence was learnt on, its table and sentences."""
    return [
        (label, say_taught(evidence), evidence_table(evidence), [*say_worth(evidence), *say_shifts(evidence)])
        for label, evidence in evidence_of(comparison).items()
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
