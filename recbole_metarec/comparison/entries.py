"""What is compared: models by name, and variants of this package's by a suffix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple

from recbole_metarec.comparison.labels import LEFT_OUT, Family, asked_models, parse
from recbole_metarec.comparison.own_settings import OwnSettings, divide
from recbole_metarec.configuration.checks import known_keys, problems_of
from recbole_metarec.configuration.layers import Resolved, baseline_of, resolve, transfers
from recbole_metarec.configuration.presets import has_presets, no_preset
from recbole_metarec.configuration.rules import problem_of
from recbole_metarec.configuration.writable import file_problems, folder_problems
from recbole_metarec.errors import UserError, nearest, shown
from recbole_metarec.models import SPECS
from recbole_metarec.settings.comparison import REPORTS, ComparisonSettings
from recbole_metarec.settings.kinds import MOST_SEED, listed
from recbole_metarec.settings.run import RunSettings
from recbole_metarec.training.environment import asked

# Keys of a comparison, not of its runs.
OWN_KEYS = (
    *("model", *ComparisonSettings.model_fields),
    *(key for key in RunSettings.model_fields if key not in ("allow_pickle", "preset", "last_state_minutes")),
)
# What all models of a comparison have in common beside these, or they could not be compared.
_IN_COMMON = (
    *("seed", "dataset", "data_path", "checkpoint_dir", "config_files"),
    *("eval_args", "metrics", "topk", "valid_metric"),
)


class Entry(NamedTuple):
    """A model that takes part in a comparison.

    Attributes
    ----------
    label : str
        Its name, with preset and variant behind a colon; see `labels.parse`.
    resolved : Resolved
        Settings of its runs, but for the seed.
    """

    label: str
    resolved: Resolved

    @property
    def model(self) -> str:
        """Name of the model without the variant."""
        return self.label.partition(":")[0]

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the user and the variant set."""
        return self.resolved.user

    def seeded(self, seed: int) -> Resolved:
        """Return the settings of a run with a seed, on which no other setting hangs."""
        return replace(self.resolved, user={**self.resolved.user, "seed": seed})


def make_entries(settings: Mapping[str, Any]) -> list[Entry]:
    """Make the entries that settings ask for; models that transfer bring their scratch control.

    Parameters
    ----------
    settings : mapping
        ``model`` is a list of names; a key need not be known to all models, and goes to those that know it. Keys as
        ``SASRec.epochs`` are for one alone; see `own_settings.divide`.

    Returns
    -------
    list of Entry
        In the order of the names, a control behind its model.

    Raises
    ------
    UserError
        If anything is wrong: all of it, but for what RecBole alone can tell.
    """
    for_all, own = divide(settings)
    labels = asked_models(for_all)
    given = cache(partial(_given, for_all, own))
    problems = [f"--model={label}: stands there twice" for label in sorted({x for x in labels if labels.count(x) > 1})]
    entries = []
    for label in _with_controls(labels, given):
        family, variant = parse(label)
        resolved = given(family)
        variants = _variants(resolved)
        if variant not in ("", *variants) or label != family.label(variant):
            problems.append(f"--model={label}: no such variant; write {_choices(family, variants)}")
            continue
        of_variant = variants.get(variant, {})
        user = {**_of_model(family.model, resolved), **own.of(label), **of_variant, "model": family.model}
        problems += [
            f"--{label}.{key}: is what makes it {label}; leave it out"
            for key in of_variant
            if own.name_of(label, key) == label
        ]
        entries.append(Entry(label, resolve(family.model, user)))
    of_entries = [given(parse(entry.label)[0]) for entry in entries]
    problems += [*_own_problems(for_all), *_nobodys_keys(for_all, of_entries)]
    problems += [*own.unused(entry.label for entry in entries), *own.shared((*OWN_KEYS, *_IN_COMMON))]
    for entry in entries:
        found = [_named(problem, entry.label, own) for problem in problems_of(entry.resolved)]
        problems += [problem for problem in found if problem not in problems]
    if problems:
        raise UserError(problems)
    return entries


def _named(problem: str, label: str, own: OwnSettings) -> str:
    """Let a line about a key say for which model it was set, if it was for one alone."""
    key = re.match(r"--(\w+)", problem)
    name = own.name_of(label, key[1]) if key else ""
    return f"--{name}.{problem.removeprefix('--')}" if name else problem


def entry_beside(entries: Sequence[Entry], label: str, model: str) -> Entry:
    """Make the entry of a model with the settings of another, as far as it knows them."""
    user = next(entry.resolved.user for entry in entries if entry.label == label)
    return Entry(model, resolve(model, _of_model(model, resolve(model, {**user, "model": model}))))


def _given(for_all: Mapping[str, Any], own: OwnSettings, family: Family) -> Resolved:
    """Resolve what the user set for a model, with the preset that its label names."""
    of_label = {"preset": family.preset} if family.preset else {}
    return resolve(family.model, {**for_all, **own.of(family.label()), **of_label})


def _choices(family: Family, variants: Iterable[str]) -> str:
    """Say what may be written in place of a label without such a variant."""
    presets = SPECS[family.model].presets if family.model in SPECS and not family.preset else ()
    labels = [family.label(name) for name in (*variants, *presets)]
    return f"one of {', '.join(labels)}" if labels else family.label()


def _with_controls(labels: Sequence[str], given: Callable[[Family], Resolved]) -> list[str]:
    """Put controls behind their models, and what the models' memories find alone behind all."""
    expanded: list[str] = []
    for label in labels:
        expanded.append(label)
        family, variant = parse(label)
        resolved, control = given(family), family.label("scratch")
        learns_more = variant != "scratch" and transfers(family.model, resolved)
        if learns_more and resolved["scratch_control"] and control not in [*labels, *expanded]:
            expanded.append(control)
        if learns_more and not variant and resolved["leave_one_out"]:
            expanded += [family.label(name) for name in _without_each_source(resolved)]
    asked = [given(parse(label)[0]) for label in labels]
    baselines = [baseline_of(resolved) for resolved in asked if resolved["scratch_control"]]
    return [*expanded, *(name for name in dict.fromkeys(baselines) if name and name not in expanded)]


def _variants(resolved: Resolved) -> dict[str, Mapping[str, Any]]:
    return {**resolved.spec.every_variant(), **_without_each_source(resolved)} if resolved.spec else {}


def _without_each_source(resolved: Resolved) -> dict[str, Mapping[str, Any]]:
    """Return the variants that lack a source each; there are none where one source is all."""
    sources = resolved["source_datasets"] or []
    if not resolved.spec or problem_of(resolved.model, "source_datasets", sources) or len(sources) < 2:
        return {}
    return {f"{LEFT_OUT}{name}": {"source_datasets": [s for s in sources if s != name]} for name in sources}


def _of_model(model: str, given: Resolved) -> dict[str, Any]:
    """Return those of the user's settings that a model's runs know."""
    known = known_keys(given) - {*OWN_KEYS} - (set() if has_presets(model) else {"preset"})
    return {**{key: value for key, value in given.user.items() if key in known}, "model": model}


def _own_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    given = {key: settings[key] for key in OWN_KEYS if key in settings}
    wrong = {key: line for key, value in given.items() if (line := problem_of("", key, value))}
    yield from (f"{shown(key, given[key])}: {line}" for key, line in wrong.items())
    seed, seeds = settings.get("seed", 0), settings.get("seeds", 1)
    if problem_of("", "seed", seed) is None and "seeds" not in wrong and seed + seeds - 1 > MOST_SEED:
        yield f"--seeds={seeds}: the last would be {seed + seeds - 1}; {MOST_SEED} is the largest"
    if settings.get("resume") not in (None, "auto"):
        yield f"--resume={settings['resume']}: is for a single run; a comparison goes on where it was by itself"
    number = max(settings["nproc"] if type(settings.get("nproc")) is int else 1, asked())
    if number > 1:
        yield f"--nproc={number}: is for one model; comparisons make runs side by side, --runs_at_once"
    if settings.get("init_from"):
        yield "--init_from: is for a single run; leave it out"
    sound = ComparisonSettings.of({key: value for key, value in given.items() if key not in wrong})
    yield from folder_problems("comparison_folder", sound.comparison_folder)
    if settings.get("result_file"):
        yield from file_problems("result_file", str(settings["result_file"]), (".json",))
    for file in listed(sound.report or []):
        yield from file_problems("report", str(file), REPORTS)


def _nobodys_keys(settings: Mapping[str, Any], models: Sequence[Resolved]) -> Iterator[str]:
    known = {key for resolved in models if resolved.model for key in known_keys(resolved)}
    if settings.get("preset") is not None and not any(has_presets(resolved.model) for resolved in models):
        yield no_preset(settings["preset"])
    for key in settings:
        if key not in known and key not in OWN_KEYS:
            yield f"--{key}: no model of the comparison knows it{nearest(key, {*known, *OWN_KEYS})}"
