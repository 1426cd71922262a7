"""Labels: families of a model and its preset, and their variants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planted
import pytest

from recbole_metarec.comparison.compare import compare
from recbole_metarec.comparison.entries import make_entries
from recbole_metarec.comparison.labels import Family, beside, left_out, parse
from recbole_metarec.comparison.summary import summarize
from recbole_metarec.errors import UserError

VARIANTS = ("", "scratch", "joint", "ensemble", "without-paper-a", "paperless", "x-paper")


@pytest.mark.parametrize("family", [Family("MetaRec", ""), Family("MetaRec", "paper"), Family("SASRec", "")])
def test_a_label_names_its_family_and_its_variant(family: Family) -> None:
    for variant in VARIANTS:
        assert parse(family.label(variant)) == (family, variant)
        assert beside(family.label(variant), "scratch") == family.label("scratch")
        assert left_out(family.label(variant)) == ("paper-a" if variant == "without-paper-a" else None)
    assert Family("MetaRec", "paper").label("scratch") == "MetaRec:paper-scratch"


def settings(root: Path, **changes: Any) -> dict[str, Any]:
    small = {"epochs": 1, "warmup_epochs": 1, "hidden_size": 16, "inner_size": 16, "code_size": 2, "codebook_size": 8}
    common = ("dataset", "source_datasets", "data_path", "gpu_id", "show_progress", "state", "seed")
    planted_settings = planted.settings(root, comparison_folder=str(root / "runs"), checkpoint_dir=str(root))
    return {key: planted_settings[key] for key in (*common, "comparison_folder", "checkpoint_dir")} | small | changes


def test_a_preset_brings_its_own_control(suite: Path) -> None:
    entries = {entry.label: entry for entry in make_entries(settings(suite, model=["MetaRec:paper", "MetaRec"]))}
    assert list(entries) == ["MetaRec:paper", "MetaRec:paper-scratch", "MetaRec", "MetaRec:scratch", "Memory"]
    assert entries["MetaRec:paper-scratch"].resolved["source_datasets"] == []
    for label, entry in entries.items():
        is_paper = "paper" in label
        assert entry.resolved["preset"] == ("paper" if is_paper else None)
        if entry.model == "MetaRec":
            assert entry.resolved["quantizer_residual"] != is_paper
            assert entry.resolved["hidden_size"] == 16


def test_a_preset_among_the_settings_goes_to_the_models_that_have_one(suite: Path) -> None:
    for label in ("MetaRec", "MetaRec:joint"):
        asked = settings(suite, model=[label, "SASRec"], preset="paper", memory_weight="auto")
        entries = {entry.label: entry.resolved for entry in make_entries(asked)}
        assert list(entries) == [label, "MetaRec:scratch", "SASRec", "Memory"]
        assert [label for label, each in entries.items() if each["preset"]] == [label, "MetaRec:scratch"]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        (
            {"model": ["MetaRec:paper-joined"]},
            "variant; write one of MetaRec:paper-scratch, MetaRec:paper-joint, ",
        ),
        ({"model": ["MetaRec:papers"]}, "MetaRec:without-planted-hostile, MetaRec:paper"),
        ({"model": ["MetaRec:"]}, "--model=MetaRec:: no such variant; write one of MetaRec:scratch"),
        ({"model": ["MetaRec"], "preset": "papers"}, "--preset=papers: MetaRec has no such preset; write paper"),
        (
            {"model": ["SASRec", "Pop"], "preset": "paper"},
            "--preset=paper: no model of the comparison has presets; there are MetaRec:paper, ANT:paper",
        ),
    ],
)
def test_labels_and_presets_that_are_not_there_are_one_line(suite: Path, changes: dict[str, Any], wanted: str) -> None:
    asked = settings(suite, **changes)
    known = {key: asked[key] for key in asked if key not in ("warmup_epochs", "code_size", "codebook_size")}
    with pytest.raises(UserError) as refused:
        make_entries(known)
    assert len(refused.value.problems) == 1
    assert wanted in refused.value.problems[0]


def test_a_comparison_runs_a_preset_and_holds_it_against_its_own_scratch(suite: Path) -> None:
    compared = compare(settings(suite, model=["MetaRec:paper"], bootstrap_samples=100), say=lambda line: None)
    labels = ["MetaRec:paper", "MetaRec:paper-scratch", "MetaRec:paper-ensemble"]
    assert (list(compared.runs), compared.failures) == (labels, {})
    assert compared.reference == "MetaRec:paper-scratch"
    assert all(run.memory_weight == 0 for runs in compared.runs.values() for run in runs.values())
    summary = summarize(compared)
    assert [(effect.label, effect.against) for effect in summary.transfers] == [(labels[0], labels[1])]
    assert [row.label for row in summary.rows] == [labels[0], "MetaRec:paper-delivered", *labels[1:]]
    assert summary.answers[0].startswith("MetaRec:paper-delivered is MetaRec:paper")
    assert all(run.label.startswith("MetaRec (paper") for runs in compared.runs.values() for run in runs.values())
