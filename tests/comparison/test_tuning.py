"""The search: the same trials for every model, the best on validation, kept and continued."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import yaml

from recbole_metarec.comparison import compare as module
from recbole_metarec.comparison import jobs
from recbole_metarec.comparison.compare import compare
from recbole_metarec.comparison.search_space import read_space
from recbole_metarec.errors import UserError
from recbole_metarec.runs.result import RunResult

SPACE = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "n_layers": {"low": 1, "high": 3}}


@pytest.fixture
def settings(suite: Path, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "space.yaml").write_text(yaml.safe_dump({**SPACE, "meta_epochs": {"choices": [1, 2]}}))
    small = {"hidden_size": 16, "epochs": 2, "warmup_epochs": 1, "seeds": 1, "scratch_control": False}
    small |= {"model": ["MetaRec", "SASRec"], "comparison_folder": str(tmp_path / "runs"), "trials": 4}
    found = planted.settings(suite, **small, tune=str(tmp_path / "space.yaml"))
    for key in ("n_layers", "learning_rate", "meta_epochs"):
        del found[key]
    return found


def result(settings: dict[str, Any]) -> RunResult:
    """Be the better on validation the nearer the learning rate is to 0.01, and the other way round on test."""
    score = -abs(np.log10(settings["learning_rate"]) + 2) - settings["n_layers"]
    facts = {"source_datasets": [], "seed": 1, "mask_history": False, "seconds": 1.0}
    return RunResult(
        settings["model"], None, "d", **facts, valid={"ndcg@10": score}, test={"ndcg@10": -score}, epochs=1
    )


def test_the_best_on_validation_is_trained_and_kept(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "run_one", lambda given: asked.append(dict(given)) or result(given))
    found = compare(settings, say=lambda line: None)
    assert [sum(one["model"] == model for one in asked) for model in ("MetaRec", "SASRec")] == [4, 4]
    for entry in found.entries:
        of_model = [one for one in asked if one["model"] == entry.model]
        best = max(of_model, key=lambda one: result(one).valid["ndcg@10"])
        assert ("meta_epochs" in best) == (entry.model == "MetaRec")
        kept = yaml.safe_load((tmp_path / "runs" / "tuned" / f"{entry.label}-{planted.TARGET}.yaml").read_text())
        assert kept == {key: best[key] for key in kept}
        assert {key: entry.settings[key] for key in kept} == kept
        assert found.runs[entry.label][1].valid == result(best).valid  # the best trial is the run
    asked.clear()
    compare(settings, say=lambda line: None)
    assert asked == []


def test_trials_at_once_are_drawn_together_and_the_same_each_time(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together: list[int] = []

    def in_turn(missing: list[jobs.Job], train: jobs.Train, at_once: int, say: Any) -> jobs.Ended:
        together.append(len(missing))
        return jobs._in_turn(missing, train, say)

    monkeypatch.setattr(jobs, "_on_ray", in_turn)
    monkeypatch.setattr(module, "run_one", result)
    several = {**settings, "runs_at_once": 3, "trials": 8}
    first = compare(several, say=lambda line: None)
    assert together[:6] == [3, 3, 2, 3, 3, 2]
    again = compare({**several, "comparison_folder": str(tmp_path / "other")}, say=lambda line: None)
    assert [entry.settings for entry in again.entries] == [entry.settings for entry in first.entries]


def test_trials_that_fail_are_left_out_and_all_of_them_are_an_error(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_often(given: dict[str, Any]) -> RunResult:
        if given["n_layers"] > limit:
            raise RuntimeError("too deep")
        return result(given)

    monkeypatch.setattr(module, "run_one", fail_often)
    limit = 1
    found = compare({**settings, "trials": 8}, say=lambda line: None)
    assert {entry.settings["n_layers"] for entry in found.entries} == {1}
    limit = 0
    with pytest.raises(UserError, match="no trial of MetaRec succeeded"):
        compare({**settings, "seed": 2}, say=lambda line: None)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("n_layers: 3", "n_layers: write {low:"),
        ("n_layers: {low: 3, high: 1}", "n_layers: write {low:"),
        ("n_layers: {low: 0, high: 1, log: True}", "n_layers: write {low:"),
        ("n_layers: {choices: []}", "n_layers: write {low:"),
        ("- 1", "must hold lines of key"),
        ("a: [", "is no YAML"),
        ("colour: {choices: [1]}", "--tune: colour: no model of the comparison knows it"),
        ("n_layers: {choices: [1, x]}", "--n_layers=x: must be a whole number"),
    ],
)
def test_wrong_spaces_are_named(
    settings: dict[str, Any], tmp_path: Path, content: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_one", lambda given: pytest.fail("ran"))
    (tmp_path / "space.yaml").write_text(content)
    with pytest.raises(UserError) as refused:
        compare(settings, say=lambda line: None)
    assert any(wanted in problem for problem in refused.value.problems), refused.value.problems


def test_what_is_missing_is_one_line(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"nothing\.yaml: No such file"):
        read_space(tmp_path / "nothing.yaml")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"pip install 'recbole-metarec\[tune\]'"):
        compare(settings, say=lambda line: None)
