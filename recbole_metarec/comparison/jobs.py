"""Runs of a comparison or a search: each once, several at a time if wanted, kept as they end."""

from __future__ import annotations

import importlib
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recbole_metarec.errors import UserError
from recbole_metarec.files import what_failed
from recbole_metarec.runs.controls import Train
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.stored import Damaged, load_run, save_run

Outcome = RunResult | str
"""A finished run, or one line about what went wrong."""


class Job(NamedTuple):
    """A run to be made.

    Attributes
    ----------
    title : str
        What it is called while it runs.
    path : Path
        Where it is kept.
    settings : mapping
        What it is trained with.
    """

    title: str
    path: Path
    settings: Mapping[str, Any]


def finish(jobs: Sequence[Job], train: Train, at_once: int, say: Callable[[str], None]) -> list[Outcome]:
    """Make runs, but for those that are kept already.

    Parameters
    ----------
    jobs : sequence of Job
        Those of one path are made once.
    train : callable
        Trains and tests with settings. It may fail in any way; the others go on.
    at_once : int
        With more than one, runs are Ray tasks (https://docs.ray.io) of one core each, and of an equal part of the GPUs,
        on the cluster that ``RAY_ADDRESS`` names or on this machine. Every machine needs the same working folder.
    say : callable
        Told of each run as it begins and ends.

    Returns
    -------
    list of RunResult or str
        In the order of ``jobs``.

    Raises
    ------
    UserError
        If Ray is needed and not installed.
    """
    outcomes: dict[Path, Outcome] = {}
    missing = {}
    for job in jobs:
        run = _kept(job, say)
        if run is None:
            missing[job.path] = job
        else:
            outcomes[job.path] = run
    many = at_once > 1 and len(missing) > 1
    ended = _on_ray(list(missing.values()), train, at_once, say) if many else _in_turn(missing.values(), train, say)
    for job, outcome, seconds in ended:
        if isinstance(outcome, RunResult):
            _keep(job, outcome, say)
        say(f"{job.title}: failed: {outcome}" if isinstance(outcome, str) else f"{job.title}: {seconds:.0f} s")
        outcomes[job.path] = outcome
    return [outcomes[job.path] for job in jobs]


def _kept(job: Job, say: Callable[[str], None]) -> RunResult | None:
    try:
        return load_run(job.path)
    except Damaged as damaged:
        say(f"{damaged}; {job.title} is made anew")
        return None


def _keep(job: Job, run: RunResult, say: Callable[[str], None]) -> None:
    try:
        save_run(job.path, run)
    except OSError as error:
        say(f"{job.title}: is not kept: {what_failed(error)}")


Ended = Iterator[tuple[Job, Outcome, float]]


def _in_turn(jobs: Iterable[Job], train: Train, say: Callable[[str], None]) -> Ended:
    for job in jobs:
        say(f"{job.title} begins")
        yield job, *_attempt(train, job.settings)


def _attempt(train: Train, settings: Mapping[str, Any]) -> tuple[Outcome, float]:
    begin = time.perf_counter()
    outcome: Outcome
    try:
        outcome = train(settings)
    except Exception as error:
        problems = error.problems if isinstance(error, UserError) else [f"{type(error).__name__}: {error}"]
        if isinstance(error, OSError):
            problems = [what_failed(error)]
        outcome = " ".join("; ".join(problems).split())
        logging.getLogger().info(traceback.format_exc())  # for the run's log file
    return outcome, time.perf_counter() - begin


def _on_ray(jobs: list[Job], train: Train, at_once: int, say: Callable[[str], None]) -> Ended:
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise UserError([f"--runs_at_once={at_once}: needs Ray; pip install ray, or write 1"]) from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False, configure_logging=False, include_dashboard=False)
    gpus = min(1.0, ray.cluster_resources().get("GPU", 0) / at_once)
    task = ray.remote(_attempt_there).options(num_cpus=1, num_gpus=gpus, max_retries=0)
    waiting = list(reversed(jobs))
    running: dict[Any, Job] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            job = waiting.pop()
            say(f"{job.title} begins")
            running[task.remote(train, job.settings, os.getcwd())] = job
        (first,), _ = ray.wait(list(running))
        job = running.pop(first)
        try:
            yield job, *ray.get(first)
        except ray.exceptions.RayError as error:  # a machine that went away, or its memory
            yield job, " ".join(str(error).split()), 0.0


def _attempt_there(train: Train, settings: Mapping[str, Any], folder: str) -> tuple[Outcome, float]:
    ray: Any = importlib.import_module("ray")
    os.chdir(folder)
    gpus = ",".join(str(number) for number in ray.get_gpu_ids())  # RecBole looks at gpu_id alone
    return _attempt(train, {**settings, "gpu_id": gpus} if gpus else settings)
