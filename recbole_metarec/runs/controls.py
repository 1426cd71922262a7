"""What a run is held against: the same model from scratch, an ensemble of both, evidence without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from recbole_metarec.configuration.layers import Resolved, baseline_of, transfers
from recbole_metarec.models.ensemble import SPEC as ENSEMBLE
from recbole_metarec.models.evidence import SPEC as EVIDENCE
from recbole_metarec.runs.result import RunResult
from recbole_metarec.training import checkpoint

Train = Callable[[Mapping[str, Any]], RunResult]
"""Trains and tests with settings: `run.run_one`."""


def controls(resolved: Resolved, run: RunResult, train: Train) -> Iterator[RunResult]:
    """Make the controls of a run.

    Parameters
    ----------
    resolved : Resolved
        Settings of the run.
    run : RunResult
        What it gave.
    train : callable

    Yields
    ------
    RunResult
        From scratch and an ensemble of both if the model transfers, evidence alone if it knows the clock, the model's
        baseline if it has one.
    """
    auto = "auto" if resolved["resume"] == "auto" else None
    user, spec = {**resolved.user, "resume": auto, "init_from": None}, resolved.spec
    if spec is not None and transfers(spec.name, resolved):
        scratch = train({**user, **(spec.scratch or {})})
        yield scratch
        if spec.is_combined and resolved["deliver"] in ("auto", "ensemble"):
            yield combine([run, scratch], train, auto)
    for name in (evidence_beside(run), baseline_of(resolved)):
        if name:
            yield train({**user, "model": name, "preset": None})


def evidence_beside(run: RunResult) -> str | None:
    """Return the model that shows what evidence finds alone; ``None`` where a run's does not know the clock."""
    return EVIDENCE.name if run.diagnostic("evidence") and run.model != EVIDENCE.name else None


def combine(members: list[RunResult], train: Train, resume: str | None = None) -> RunResult:
    """Make an ensemble of trained models and test it.

    Parameters
    ----------
    members : list of RunResult
        Runs of this package's models on one target, with their checkpoints.
    train : callable
    resume : {"auto"}, optional
        Whether one that was made before is taken up.

    Returns
    -------
    RunResult
        ``ensemble`` is its variant.
    """
    files = [str(member.checkpoint) for member in members]
    plain = [checkpoint.load(Path(file))["config"] for file in files]
    settings = {
        **plain[0],
        "resume": resume,
        "init_from": None,
        "preset": None,
        "model": ENSEMBLE.name,
        "members": plain,
        "member_files": files,
    }
    first = members[0]
    of_first = {key: getattr(first, key) for key in ("model", "preset", "source_datasets")}
    return replace(train(settings), variant="ensemble", **of_first)
