"""``list``: a line for each model, dataset, metric and key; for machines the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recbole_metarec.cli.main import main
from recbole_metarec.configuration.layers import known_models
from recbole_metarec.models import SPECS
from recbole_metarec.settings.protocol import LABEL_METRICS, RANKING_METRICS
from recbole_metarec.settings.shared import SharedSettings


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """Return what is listed; lines and JSON name the same."""
    assert main(["list", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main(["list", *words, "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [line.split("  ")[0] for line in lines] == [row["name"] for row in rows]
    return rows


def names(rows: list[dict[str, Any]]) -> set[str]:
    return {row["name"] for row in rows}


def test_models_and_metrics_are_all_that_settings_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert names(listed(capsys, "models")) == {*known_models()}
    assert {name.lower() for name in names(listed(capsys, "metrics"))} == {*RANKING_METRICS, *LABEL_METRICS}


def test_datasets_are_those_of_a_folder_and_those_to_be_made(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in listed(capsys, "datasets", f"--data_path={suite}")}
    path = suite / "planted-target" / "planted-target.inter"
    assert rows["planted-target"]["file"] == str(path)
    assert rows["planted-target"]["bytes"] == path.stat().st_size
    assert rows["ml-100k-war"]["file"] is None


def test_keys_are_those_of_all_models_and_of_the_one_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    shared, own = listed(capsys, "keys"), listed(capsys, "keys", "--model=MetaRec")
    assert {*SharedSettings.model_fields, "train_batch_size", "eval_args"} <= names(shared)
    assert {*SPECS["MetaRec"].settings.model_fields} <= names(own)
    assert "quantizer_heads" in names(own) - names(shared)
    assert "n_heads" in names(listed(capsys, "keys", "--model=SASRec"))


def test_what_cannot_be_listed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "kees"]) == main(["list", "keys", "--model=SASRek"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: list: kees: write one of models, datasets, metrics, keys; did you mean keys?"
    assert second.startswith("error: --model=SASRek: no such model; did you mean SASRec")
