"""A preset from outside the package: one property file, and its name in the specification of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import planted
import pytest

from recbole_metarec.comparison.entries import make_entries
from recbole_metarec.errors import UserError
from recbole_metarec.models import SPECS
from recbole_metarec.runs.run import run, run_one


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give MetaRec a preset ``tiny``; returns its file."""
    path = tmp_path / "tiny.yaml"
    path.write_text("hidden_size: 8\ninner_size: 8\nepochs: 1\nquantizer: false\n")
    spec = SPECS["MetaRec"]
    monkeypatch.setitem(SPECS, "MetaRec", replace(spec, presets={**spec.presets, "tiny": str(path)}))
    return path


def test_a_preset_is_a_property_file(suite: Path, file: Path) -> None:
    settings = planted.settings(suite, source_datasets=[], preset="tiny")
    for key in ("hidden_size", "inner_size", "epochs"):
        del settings[key]
    result = run_one(settings)
    assert (result.epochs, result.diagnostics["codebook"]) == (1, None)
    entries = make_entries({**settings, "model": ["MetaRec:tiny", "MetaRec:paper"], "preset": None})
    assert [entry.resolved["hidden_size"] for entry in entries if "tiny" in entry.label] == [8]


def test_the_message_lists_it_and_a_file_that_is_gone_is_named(suite: Path, file: Path) -> None:
    with pytest.raises(UserError, match="--preset=huge: MetaRec has no such preset; write paper or tiny"):
        run(planted.settings(suite, preset="huge"))
    file.unlink()
    with pytest.raises(UserError, match=f"--preset=tiny: there is no file {file}"):
        run(planted.settings(suite, preset="tiny"))
