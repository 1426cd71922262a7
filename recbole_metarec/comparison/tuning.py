"""Hyper-parameter search for every model of a comparison alike: the same space, as many trials, validation alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from recbole_metarec.checks import default_settings, find_problems, model_keys
from recbole_metarec.comparison.entries import Entry
from recbole_metarec.comparison.store import load_run, run_file, save_run
from recbole_metarec.config import yaml_loader
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.report import RunResult
from recbole_metarec.files import write_text

Space = Mapping[str, Mapping[str, Any]]
"""For each key ``choices``, or ``low`` and ``high``, with ``log`` if wanted; two whole numbers span whole numbers."""

Train = Callable[[Mapping[str, Any]], RunResult]


def read_space(path: Path) -> Space:
    """Read a search space.

    Parameters
    ----------
    path : Path
        YAML, as in ``learning_rate: {low: 0.0003, high: 0.003, log: True}`` or ``n_layers: {choices: [1, 2]}``.

    Returns
    -------
    Space

    Raises
    ------
    UserError
        If the file cannot be read or a line is neither: all of them.
    """
    try:
        space = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml_loader())
    except OSError as error:
        raise UserError([f"--tune={path}: {error.strerror}"]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError([f"--tune={path}: is no YAML: {' '.join(str(error).split())}"]) from None
    if not isinstance(space, dict) or not space:
        raise UserError(
            [f"--tune={path}: must hold lines of key: {{low: 0.001, high: 0.01}} or key: {{choices: [1, 2]}}"]
        )
    problems = [
        f"--tune={path}: {key}: write {{low: 0.001, high: 0.01, log: True}} or {{choices: [1, 2]}}"
        for key, span in space.items()
        if not _is_span(span)
    ]
    if problems:
        raise UserError(problems)
    return space


def _is_span(span: Any) -> bool:
    if not isinstance(span, dict):
        return False
    if span.keys() == {"choices"}:
        return isinstance(span["choices"], list) and len(span["choices"]) > 0
    low, high, log = (span.get(name) for name in ("low", "high", "log"))
    known = span.keys() <= {"low", "high", "log"} and log in (None, False, True)
    return known and _is_number(low) and _is_number(high) and low < high and (low > 0 or not log)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def space_problems(space: Space, entries: list[Entry]) -> list[str]:
    """Check a space's keys and ends against the models' own rules, one line for each problem."""
    known = {entry.label: model_keys(entry.model, entry.settings) for entry in entries}
    problems = [
        f"--tune: {key}: no model of the comparison knows it"
        for key in space
        if not any(key in keys for keys in known.values())
    ]
    for entry in entries:
        for key, span in space.items():
            for value in span.get("choices", [span.get("low"), span.get("high")]):
                if key in known[entry.label]:
                    found = find_problems({**entry.settings, key: value})
                    problems += [line for line in found if line.startswith(f"--{key}=") and line not in problems]
    return problems


def tune(
    entry: Entry,
    space: Space,
    trials: int,
    seed: int,
    folder: Path,
    train: Train,
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
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    def objective(trial: Any) -> float:
        settings = {**entry.settings, **{key: _suggest(trial, key, span) for key, span in own.items()}, "seed": seed}
        path = run_file(folder, entry.label, {**default_settings(entry.model, settings), **settings})
        run = load_run(path)
        if run is None:
            run = train(settings)
            save_run(path, run)
        score = validation_score(run, settings)
        say(f"{entry.label}, trial {trial.number + 1} of {trials}: {trial.params}, validation {score:.4f}")
        return score

    study.optimize(objective, n_trials=trials, catch=(Exception,))
    if not any(trial.value is not None for trial in study.trials):
        raise UserError([f"--tune: no trial of {entry.label} succeeded; see the log files"])
    best = dict(study.best_params)
    path = folder / "tuned" / f"{entry.label.replace(':', '-')}-{entry.settings['dataset']}.yaml"
    write_text(path, [yaml.safe_dump(best).rstrip()])
    say(f"{entry.label}: {best}, in {path}")
    return Entry(entry.label, {**entry.settings, **best})


def validation_score(run: RunResult, settings: Mapping[str, Any]) -> float:
    """Return the validation metric that a run's model was chosen by."""
    model = str(settings["model"])
    metric = str({**default_settings(model, settings), **settings}["valid_metric"]).lower()
    return run.valid[metric]


def _suggest(trial: Any, key: str, span: Mapping[str, Any]) -> Any:
    if "choices" in span:
        return trial.suggest_categorical(key, span["choices"])
    low, high, log = span["low"], span["high"], span.get("log", False)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=log)
    return trial.suggest_float(key, low, high, log=log)
