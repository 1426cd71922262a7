"""A comparison written to files, by their endings."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.page import html_page
from recbole_metarec.comparison.summary import Summary
from recbole_metarec.comparison.text_report import text_report
from recbole_metarec.files import write_text


def write_report(path: Path, comparison: Comparison, summary: Summary) -> None:
    """Write a comparison, whole or not at all.

    Parameters
    ----------
    path : Path
        ``.html``: one page that needs nothing else; ``.md``: Markdown; ``.json``: for machines.
    comparison : Comparison
    summary : Summary
        Of it.
    """
    writers = {
        ".html": html_page,
        ".md": lambda comparison, summary: text_report(comparison, summary, markdown=True),
        ".json": _to_json,
    }
    write_text(path, [writers[path.suffix](comparison, summary)])


def _to_json(comparison: Comparison, summary: Summary) -> str:
    content = {
        "settings": comparison.settings,
        "entries": {entry.label: entry.settings for entry in comparison.entries},
        "reference": comparison.reference,
        "seeds": comparison.seeds,
        "target": comparison.description.target,
        "sources": comparison.description.sources,
        "runs": [run.to_json() for runs in comparison.runs.values() for run in runs.values()],
        "failures": [
            {"model": label, "seed": seed, "error": why} for (label, seed), why in comparison.failures.items()
        ],
        "summary": dataclasses.asdict(summary),
    }
    return json.dumps(_finite(content), indent=1, default=str)


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
