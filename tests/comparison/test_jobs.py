"""Runs are made once, in turn or as Ray tasks, and what fails stops nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recbole_metarec.comparison import jobs as jobs_module
from recbole_metarec.comparison.jobs import Job, Train, finish
from recbole_metarec.errors import UserError
from recbole_metarec.runs.result import RunResult


@pytest.fixture
def train() -> Train:
    """Return a function that a Ray task can take along: nothing of it is looked up in this module."""

    def of_one(settings: Mapping[str, Any]) -> RunResult:
        if settings["seed"] == 1:
            raise RuntimeError("no\nmemory")
        if settings["seed"] == 2:
            raise UserError(["--a: is wrong", "--b: too"])
        if settings["seed"] == 3 and settings.get("dies"):
            os._exit(1)
        log = f"{Path.cwd()} {settings.get('gpu_id')}"
        facts = {"source_datasets": [], "mask_history": False, "seconds": 1.0, "epochs": 1}
        return RunResult("m", None, "d", seed=settings["seed"], valid={}, test={}, log=log, **facts)

    return of_one


FAILURES = ["RuntimeError: no memory", "--a: is wrong; --b: too"]


def seed_or_failure(outcome: RunResult | str) -> int | str:
    return outcome if isinstance(outcome, str) else outcome.seed


def make_jobs(folder: Path, n: int, **settings: Any) -> list[Job]:
    return [Job(f"m, seed {seed}", folder / f"{seed}.json", {"seed": seed, **settings}) for seed in range(n)]


def test_runs_are_made_once_and_failures_named(train: Train, tmp_path: Path) -> None:
    said: list[str] = []
    jobs = make_jobs(tmp_path, 5)
    outcomes = finish([*jobs, jobs[0]], train, 1, said.append)
    assert [seed_or_failure(outcome) for outcome in outcomes] == [0, *FAILURES, 3, 4, 0]
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["0.json", "3.json", "4.json"]
    assert sum("begins" in line for line in said) == 5
    assert "m, seed 1: failed: RuntimeError: no memory" in said
    said.clear()
    finish(jobs, train, 1, said.append)
    assert [line for line in said if "begins" in line] == ["m, seed 1 begins", "m, seed 2 begins"]


def test_ray_tasks_end_as_runs_in_turn_do(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="RecBole's ray has no wheels from Python 3.12 on")
    monkeypatch.chdir(tmp_path)
    ray.init(num_cpus=2, log_to_driver=False, configure_logging=False, include_dashboard=False)
    try:
        outcomes = finish(make_jobs(tmp_path, 5, dies=True), train, 2, lambda line: None)
    finally:
        ray.shutdown()
    *alike, died, last = outcomes
    assert [seed_or_failure(outcome) for outcome in alike] == [0, *FAILURES]
    assert isinstance(died, str)
    assert "died" in died
    assert isinstance(last, RunResult)
    assert last.log == f"{tmp_path} None"
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["0.json", "4.json"]


def test_a_task_tells_recbole_its_gpu(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # and back at the end
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get_gpu_ids=lambda: [3]))
    outcome, _ = jobs_module._attempt_there(train, {"seed": 0, "gpu_id": "0"}, str(tmp_path))
    assert isinstance(outcome, RunResult)
    assert outcome.log == f"{tmp_path} 3"


def test_an_interrupt_keeps_what_has_ended(train: Train, tmp_path: Path) -> None:
    def interrupted(settings: Mapping[str, Any]) -> RunResult:
        if settings["seed"] == 4:
            raise KeyboardInterrupt
        return train(settings)

    with pytest.raises(KeyboardInterrupt):
        finish(make_jobs(tmp_path, 6), interrupted, 1, lambda line: None)
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["0.json", "3.json"]


def test_without_ray_a_line_says_so(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"--runs_at_once=3: needs Ray"):
        finish(make_jobs(tmp_path, 3), train, 3, lambda line: None)
