"""The space of a hyper-parameter search: read from a file and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.comparison.entries import Entry
from recbole_metarec.configuration.checks import known_keys
from recbole_metarec.errors import UserError
from recbole_metarec.settings.users_yaml import read_users_yaml

Space = Mapping[str, Mapping[str, Any]]
"""For each key ``choices``, or ``low`` and ``high``, with ``log`` if wanted; two whole numbers span whole numbers."""


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
    space = read_users_yaml(path, f"--tune={path}")
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
    known = {entry.label: known_keys(entry.resolved) for entry in entries}
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


def suggest(trial: Any, key: str, span: Mapping[str, Any]) -> Any:
    """Let a trial of Optuna choose a value.

    Parameters
    ----------
    trial : optuna.trial.Trial
    key : str
        What is chosen.
    span : mapping
        Its line of the space.

    Returns
    -------
    Any
    """
    if "choices" in span:
        return trial.suggest_categorical(key, span["choices"])
    low, high, log = span["low"], span["high"], span.get("log", False)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=log)
    return trial.suggest_float(key, low, high, log=log)
