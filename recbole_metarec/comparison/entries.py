"""What is compared: models by name, and variants of this package's by a suffix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from recbole_metarec.bridge.checks import find_problems, model_keys
from recbole_metarec.bridge.config import known_models, resolve, transfers
from recbole_metarec.bridge.idle import warn_of_idle
from recbole_metarec.bridge.rules import problem_of
from recbole_metarec.bridge.writable import file_problems, folder_problems
from recbole_metarec.errors import UserError, shown
from recbole_metarec.models import SPECS, can_transfer
from recbole_metarec.settings.comparison import REPORTS
from recbole_metarec.settings.kinds import MOST_SEED

MEMORY = "Memory"
"""The model that shows what the memory alone finds."""

LEFT_OUT = "without-"
"""Begins the variant that lacks a source: ``MetaRec:without-amazon-baby``."""


def left_out(label: str) -> str | None:
    """Return the source that a variant lacks, ``None`` for other variants."""
    _, _, variant = label.partition(":")
    return variant.removeprefix(LEFT_OUT) if variant.startswith(LEFT_OUT) else None


# Keys of a comparison, not of a run.
OWN_KEYS = (
    *("model", "seeds", "reference", "report", "comparison_folder", "scratch_control", "deliver", "result_file"),
    "resume",
    *("tune", "trials", "leave_one_out", "runs_at_once"),
)


class Entry(NamedTuple):
    """A model that takes part in a comparison.

    Attributes
    ----------
    label : str
        Its name, with the variant behind a colon.
    settings : dict
        Of its runs, but for the seed.
    """

    label: str
    settings: dict[str, Any]

    @property
    def model(self) -> str:
        """Name of the model without the variant."""
        return self.label.partition(":")[0]


def asked_models(settings: Mapping[str, Any]) -> list[str]:
    """Read the names of models, which stand in a list or in a text with commas between them.

    Raises
    ------
    UserError
        If there are none.
    """
    model = settings.get("model")
    asked = model.replace(",", " ").split() if isinstance(model, str) else model or []
    if not isinstance(asked, (list, tuple)) or not asked or not all(isinstance(name, str) and name for name in asked):
        raise UserError([f"{shown('model', model or '')}: must name a model, or several, as in --model=MetaRec,SASRec"])
    return list(asked)


def make_entries(settings: Mapping[str, Any]) -> list[Entry]:
    """Make the entries that settings ask for; models that transfer bring their scratch control.

    Parameters
    ----------
    settings : mapping
        ``model`` is a list of names; a key need not be known to all models, and goes to those that know it.

    Returns
    -------
    list of Entry
        In the order of the names, a control behind its model.

    Raises
    ------
    UserError
        If anything is wrong: all of it.
    """
    labels = asked_models(settings)
    problems = [f"--model={label}: stands there twice" for label in sorted({x for x in labels if labels.count(x) > 1})]
    entries = []
    for label in _with_controls(labels, settings):
        model, colon, variant = label.partition(":")
        of_model = {**(SPECS[model].every_variant() if model in SPECS else {}), **_without_each_source(model, settings)}
        if colon and variant not in of_model:
            known = f"one of {', '.join(f'{model}:{name}' for name in of_model)}" if of_model else model
            problems.append(f"--model={label}: no such variant; write {known}")
            continue
        entries.append(Entry(label, {**_of_model(model, settings), **of_model.get(variant, {}), "model": model}))
    problems += _own_problems(settings)
    problems += _nobodys_keys(settings, [entry.model for entry in entries])
    for entry in entries:
        problems += [problem for problem in find_problems(entry.settings) if problem not in problems]
    if problems:
        raise UserError(problems)
    warn_of_idle([entry.model for entry in entries], {key: settings[key] for key in settings if key not in OWN_KEYS})
    return entries


def _with_controls(labels: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    every: list[str] = []
    for label in labels:
        every.append(label)
        model, _, variant = label.partition(":")
        control = f"{model}:scratch"
        effective = resolve(model, settings).values
        learns_more = variant != "scratch" and transfers(model, effective)
        if learns_more and effective["scratch_control"] and control not in [*labels, *every]:
            every.append(control)
        if learns_more and not variant and effective["leave_one_out"]:
            every += [f"{model}:{name}" for name in _without_each_source(model, settings)]
    if MEMORY not in every and any(_has_memory(label.partition(":")[0], settings) for label in labels):
        every.append(MEMORY)
    return every


def _has_memory(model: str, settings: Mapping[str, Any]) -> bool:
    """Whether a model is to be held against the memory alone, since a memory is among what scores."""
    effective = resolve(model, settings).values
    return can_transfer(model) and effective["scratch_control"] and effective["memory_weight"] != 0


def _without_each_source(model: str, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variants that lack a source each; there are none where one source is all."""
    sources = resolve(model, settings).values["source_datasets"] or []
    if model not in SPECS or problem_of(model, "source_datasets", sources) or len(sources) < 2:
        return {}
    return {f"{LEFT_OUT}{name}": {"source_datasets": [s for s in sources if s != name]} for name in sources}


def _of_model(model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    known = model_keys(model, settings)
    return {key: value for key, value in settings.items() if key not in OWN_KEYS and key in known}


def _own_problems(settings: Mapping[str, Any]) -> list[str]:
    given = {key: settings[key] for key in OWN_KEYS if key in settings}
    problems = [
        f"{shown(key, value)}: {wrong}" for key, value in given.items() if (wrong := problem_of("", key, value))
    ]
    seed, seeds = settings.get("seed", 0), settings.get("seeds", 1)
    if problem_of("", "seed", seed) is None is problem_of("", "seeds", seeds) and seed + seeds - 1 > MOST_SEED:
        problems.append(f"--seeds={seeds}: the last would be {seed + seeds - 1}; {MOST_SEED} is the largest")
    if settings.get("resume"):
        problems.append("--resume: is for a single run; a comparison goes on where it was by itself")
    folder = resolve("", settings).values["comparison_folder"]
    if problem_of("", "comparison_folder", folder) is None:
        problems += folder_problems("comparison_folder", folder)
    if settings.get("result_file"):
        problems += file_problems("result_file", str(settings["result_file"]), (".json",))
    files = settings.get("report") or []
    if problem_of("", "report", files) is not None:
        return problems
    for file in [files] if isinstance(files, str) else files:
        problems += file_problems("report", str(file), REPORTS)
    return problems


def _nobodys_keys(settings: Mapping[str, Any], models: Sequence[str]) -> list[str]:
    known = {key for model in models if model in known_models() for key in model_keys(model, settings)}
    return [f"--{key}: no model of the comparison knows it" for key in settings if key not in {*known, *OWN_KEYS}]
