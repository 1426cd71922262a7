"""Hyper-parameter search for every model of a comparison alike: the same space, as many trials, validation alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from recbole.evaluator import smaller_metrics

from recbole_metarec.comparison.entries import Entry
from recbole_metarec.comparison.jobs import Job, finish
from recbole_metarec.comparison.search_space import Space, suggest
from recbole_metarec.comparison.store import run_file
from recbole_metarec.configuration.checks import known_keys
from recbole_metarec.configuration.layers import Resolved, resolve
from recbole_metarec.errors import UserError
from recbole_metarec.files import what_failed, write_text
from recbole_metarec.runs.controls import Train
from recbole_metarec.runs.result import RunResult


def tune(
    entry: Entry,
    space: Space,
    trials: int,
    seed: int,
    folder: Path,
    train: Train,
    at_once: int,
    say: Callable[[str], None],
) -> Entry:
    """Search for the settings of an entry that are best on validation.

    With Optuna's tree of Parzen estimators (https://optuna.org). A finished trial is kept as a run, so that the same
    search goes on where it was.

    Parameters
    ----------
    entry : Entry
        A model.
    space : Space
        Keys that the model does not know are left out.
    trials : int
        Number of trials.
    seed : int
        Of the search, and of every trial.
    folder : Path
        Of the comparison's runs; the best settings are written to ``folder/tuned/``.
    train : callable
        Trains and tests with settings.
    at_once : int
        Trials that are drawn together and run at a time: see `jobs.finish`. The search learns from them when all have
        ended, so that what it draws does not hang on which is the first.
    say : callable
        Told of each trial.

    Returns
    -------
    Entry
        The same with its best settings.

    Raises
    ------
    UserError
        If Optuna is not installed, or no trial succeeds.
    """
    optuna = _optuna()
    known = known_keys(entry.resolved)
    spans = {key: span for key, span in space.items() if key in known}
    if not spans:
        return entry
    sign = -1 if metric_of(entry.resolved).partition("@")[0] in smaller_metrics else 1
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    best, best_score = None, float("-inf")
    for first in range(0, trials, at_once):
        draws = [_draw(study.ask(), entry, spans, seed) for _ in range(min(at_once, trials - first))]
        jobs = [_job(draw, entry.label, trials, folder) for draw in draws]
        for draw, job, outcome in zip(draws, jobs, finish(jobs, train, at_once, say), strict=True):
            if isinstance(outcome, str):
                study.tell(draw.trial, state=optuna.trial.TrialState.FAIL)
                continue
            score = validation_score(outcome, draw.resolved)
            study.tell(draw.trial, sign * score)
            say(f"{job.title}: validation {score:.4f}")
            if sign * score > best_score:
                best, best_score = draw, sign * score
    if best is None:
        raise UserError([f"--tune: no trial of {entry.label} succeeded; see the log files"])
    say(f"{entry.label}: {best.values}, {_write(best, entry, folder)}")
    return Entry(entry.label, replace(best.resolved, user={**entry.settings, **best.values}))


class _Draw(NamedTuple):
    """A trial of Optuna, the values that it chose, and all settings of its run."""

    trial: Any
    values: dict[str, Any]
    resolved: Resolved


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UserError(["--tune: needs Optuna; pip install 'recbole-metarec[tune]'"]) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _draw(trial: Any, entry: Entry, spans: Space, seed: int) -> _Draw:
    values = {key: suggest(trial, key, span) for key, span in spans.items()}
    return _Draw(trial, values, resolve(entry.model, {**entry.settings, **values, "seed": seed}))


def _job(draw: _Draw, label: str, trials: int, folder: Path) -> Job:
    title = f"{label}, trial {draw.trial.number + 1} of {trials}: {draw.values}"
    return Job(title, run_file(folder, label, draw.resolved), {**draw.resolved.user, "resume": "auto"})


def _write(best: _Draw, entry: Entry, folder: Path) -> str:
    """Write the best settings to a file, and say where they are."""
    path = folder / "tuned" / f"{entry.label.replace(':', '-')}-{entry.settings['dataset']}.yaml"
    try:
        write_text(path, [yaml.safe_dump(best.values).rstrip()])
    except OSError as error:
        return f"which is not kept: {what_failed(error)}"
    return f"in {path}"


def validation_score(run: RunResult, resolved: Resolved) -> float:
    """Return the validation metric that a run's model was chosen by."""
    return run.valid[metric_of(resolved)]


def metric_of(resolved: Resolved) -> str:
    """Return the validation metric of a run's settings, in lower case."""
    return str(resolved["valid_metric"]).lower()
