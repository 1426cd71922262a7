"""Settings are resolved once for a run, and once for each entry of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import planted
import pytest

from recbole_metarec.bridge import checks
from recbole_metarec.comparison import entries, tuning
from recbole_metarec.comparison.compare import compare
from recbole_metarec.configuration import checks as light
from recbole_metarec.configuration import layers
from recbole_metarec.runs import run as runs

QUICK = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 1}


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the models that settings are resolved for, one after the other."""
    models: list[str] = []

    def counted(model: str, user: Mapping[str, Any]) -> layers.Resolved:
        models.append(model)
        return resolve(model, user)

    resolve = layers.resolve
    for module in (layers, light, checks, entries, tuning):
        monkeypatch.setattr(module, "resolve", counted)
    return models


def test_a_run_and_its_controls_resolve_once(suite: Path, resolved: list[str]) -> None:
    results = runs.run(planted.settings(suite, **QUICK, result_file="x.json"))
    assert len(results) == 4
    assert resolved == ["MetaRec"]


def test_a_comparison_resolves_what_was_asked_of_each_model_and_each_entry(
    suite: Path, tmp_path: Path, resolved: list[str]
) -> None:
    settings = planted.settings(suite, **QUICK, seeds=2, comparison_folder=str(tmp_path / "runs"))
    comparison = compare({**settings, "model": ["MetaRec"]}, say=lambda line: None)
    assert len(comparison.entries) == 3
    assert sorted(resolved) == ["Memory", "Memory", "MetaRec", "MetaRec", "MetaRec"]
