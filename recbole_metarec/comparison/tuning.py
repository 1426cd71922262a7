"""Hyper-parameter search for every model of a comparison alike: the same space, as many trials, validation alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from recbole.evaluator import smaller_metrics

from recbole_metarec.bridge.checks import model_keys
from recbole_metarec.bridge.config import resolve
from recbole_metarec.comparison.entries import Entry
from recbole_metarec.comparison.jobs import Job, Train, finish
from recbole_metarec.comparison.space import Space, suggest
from recbole_metarec.comparison.store import run_file
from recbole_metarec.errors import UserError
from recbole_metarec.files import what_failed, write_text
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
    try:
        import optuna
    except ImportError:
        raise UserError(["--tune: needs Optuna; pip install 'recbole-metarec[tune]'"]) from None
    known = model_keys(entry.model, entry.settings)
    own = {key: span for key, span in space.items() if key in known}
    if not own:
        return entry
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sign = -1 if metric_of(entry.settings).partition("@")[0] in smaller_metrics else 1
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    best, best_score = None, float("-inf")
    for first in range(0, trials, at_once):
        drawn = [study.ask() for _ in range(min(at_once, trials - first))]
        chosen = [{key: suggest(trial, key, span) for key, span in own.items()} for trial in drawn]
        jobs = []
        for trial, values in zip(drawn, chosen, strict=True):
            settings = {**entry.settings, **values, "seed": seed}
            title = f"{entry.label}, trial {trial.number + 1} of {trials}: {values}"
            jobs.append(Job(title, run_file(folder, entry.label, settings), settings))
        for trial, values, job, outcome in zip(drawn, chosen, jobs, finish(jobs, train, at_once, say), strict=True):
            if isinstance(outcome, str):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            score = validation_score(outcome, job.settings)
            study.tell(trial, sign * score)
            say(f"{job.title}: validation {score:.4f}")
            if sign * score > best_score:
                best, best_score = values, sign * score
    if best is None:
        raise UserError([f"--tune: no trial of {entry.label} succeeded; see the log files"])
    path = folder / "tuned" / f"{entry.label.replace(':', '-')}-{entry.settings['dataset']}.yaml"
    try:
        write_text(path, [yaml.safe_dump(best).rstrip()])
        say(f"{entry.label}: {best}, in {path}")
    except OSError as error:
        say(f"{entry.label}: {best}, which is not kept: {what_failed(error)}")
    return Entry(entry.label, {**entry.settings, **best})


def validation_score(run: RunResult, settings: Mapping[str, Any]) -> float:
    """Return the validation metric that a run's model was chosen by."""
    return run.valid[metric_of(settings)]


def metric_of(settings: Mapping[str, Any]) -> str:
    """Return the validation metric of a run's settings, in lower case."""
    return str(resolve(str(settings["model"]), settings).values["valid_metric"]).lower()
