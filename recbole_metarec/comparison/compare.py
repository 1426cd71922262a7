"""Run a comparison: every model and seed once, in the same order, whatever happened before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_metarec.bridge.checks import refusals
from recbole_metarec.bridge.embedded import make_embedded
from recbole_metarec.bridge.idle import warn_of_idle
from recbole_metarec.bridge.overlap import tell_overlap
from recbole_metarec.comparison.description import Description, describe
from recbole_metarec.comparison.entries import OWN_KEYS, Entry, entry_beside, make_entries
from recbole_metarec.comparison.jobs import Job, Outcome, finish
from recbole_metarec.comparison.labels import beside, parse, variant_of
from recbole_metarec.comparison.own_settings import divide, flat
from recbole_metarec.comparison.search_space import read_space, space_problems
from recbole_metarec.comparison.store import run_file
from recbole_metarec.comparison.tuning import tune
from recbole_metarec.configuration.layers import transfers
from recbole_metarec.errors import UserError
from recbole_metarec.files import remove_abandoned
from recbole_metarec.runs.controls import combine, evidence_beside
from recbole_metarec.runs.delivery import Delivery, deliver
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import run_one
from recbole_metarec.runs.tidying import tidy
from recbole_metarec.settings.comparison import ComparisonSettings
from recbole_metarec.settings.run import RunSettings
from recbole_metarec.settings.suite import DEFAULT_TARGET

Runs = dict[str, dict[int, RunResult]]
Failures = dict[tuple[str, int], str]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """Finished runs of several models on one target.

    Attributes
    ----------
    settings : dict
        What the user set.
    entries : list of Entry
        The models, in order.
    reference : str
        Label of the entry that others are compared with.
    seeds : list of int
    runs : dict of str to dict of int to RunResult
        By label and seed; those that failed lack.
    failures : dict of (str, int) to str
        What went wrong, by label and seed.
    description : Description
        Of the target and the sources.
    deliveries : dict of str to dict of int to Delivery
        By label and seed, for the models that transfer: which of their variants is to be used.
    samples : int
        Resamples of bootstraps.
    """

    settings: dict[str, Any]
    entries: list[Entry]
    reference: str
    seeds: list[int]
    runs: Runs
    failures: Failures = field(default_factory=dict)
    description: Description = field(default_factory=Description)
    deliveries: dict[str, dict[int, Delivery]] = field(default_factory=dict)
    samples: int = 2000


def compare(settings: Mapping[str, Any], say: Say | None = None) -> Comparison:
    """Train and test models side by side.

    Parameters
    ----------
    settings : mapping
        ``model``: list of names, of this package's with preset and variant behind a colon if wanted
        (``MetaRec:joint``, ``MetaRec:paper``, ``MetaRec:paper-joint``); ``seeds``, ``reference``,
        ``comparison_folder``, ``runs_at_once``, ``tune``, ``trials``, and any key of a run, for one model alone as
        ``SASRec.epochs``.
    say : callable, optional
        Told of each run as it begins and ends; standard error by default.

    Returns
    -------
    Comparison
        A run that was finished before is read from ``comparison_folder``, one that fails is left out.

    Raises
    ------
    UserError
        If a setting or a dataset is wrong: all of it, before anything runs.
    """
    settings = {"dataset": DEFAULT_TARGET, **flat(settings)}
    return compare_entries(settings, make_entries(settings), say)


def compare_entries(settings: Mapping[str, Any], entries: list[Entry], say: Say | None = None) -> Comparison:
    """Do what `compare` does with the entries that settings make; ``dataset`` is among the settings."""
    say = say or _to_stderr
    _accept(settings, entries)
    asked, of_runs = ComparisonSettings.of(settings), RunSettings.of(settings)
    reference = _reference(entries, asked.reference)
    for entry in entries:
        make_embedded(entry.resolved.values)
    first, folder = entries[0].resolved, Path(asked.comparison_folder)
    transferring = [entry.resolved for entry in entries if transfers(entry.model, entry.resolved)]
    tell_overlap(first.values, (name for each in transferring for name in each["source_datasets"] or ()))
    remove_abandoned(folder)
    if asked.tune:
        entries = _tuned(entries, asked, say)
    seeds = [first["seed"] + number for number in range(asked.seeds)]
    runs, failures = _run_all(entries, seeds, folder, asked.runs_at_once, say)
    beside = _evidence(entries, runs) if of_runs.scratch_control else []
    more_runs, more_failures = _run_all(beside, seeds, folder, asked.runs_at_once, say)
    entries, runs, failures = [*entries, *beside], {**runs, **more_runs}, {**failures, **more_failures}
    if of_runs.deliver in ("auto", "ensemble"):
        runs = _with_ensembles(runs, failures, entries, folder, say)
    tidy({**first.values, **of_runs.model_dump()}, [run for of_entry in runs.values() for run in of_entry.values()])
    return Comparison(
        dict(settings),
        entries,
        reference,
        seeds,
        runs,
        failures,
        describe(entries, seeds[0], say),
        _deliveries(runs, first["valid_metric"], of_runs.deliver),
        of_runs.bootstrap_samples,
    )


def _accept(settings: Mapping[str, Any], entries: list[Entry]) -> None:
    """Refuse, with a `UserError`, what RecBole refuses of sound settings, and warn of those that nobody reads."""
    problems = dict.fromkeys(problem for entry in entries for problem in refusals(entry.settings))
    if problems:
        raise UserError(problems)
    for_all, own = divide(settings)
    warn_of_idle([entry.model for entry in entries], {key: for_all[key] for key in for_all if key not in OWN_KEYS})
    for name, of_name in own.by_name.items():
        warn_of_idle([name.partition(":")[0]], of_name)


def _tuned(entries: list[Entry], asked: ComparisonSettings, say: Say) -> list[Entry]:
    """Put the best settings of a search in place of those of each entry."""
    space = read_space(Path(str(asked.tune)))
    problems = space_problems(space, entries)
    if problems:
        raise UserError(problems)
    folder, seed = Path(asked.comparison_folder), entries[0].resolved["seed"]
    return [tune(entry, space, asked.trials, seed, folder, run_one, asked.runs_at_once, say) for entry in entries]


def _run_all(entries: list[Entry], seeds: list[int], folder: Path, at_once: int, say: Say) -> tuple[Runs, Failures]:
    pairs = [(entry, seed) for seed in seeds for entry in entries]
    jobs = [_job(entry, seed, folder) for entry, seed in pairs]
    runs: Runs = {entry.label: {} for entry in entries}
    failures: Failures = {}
    for (entry, seed), outcome in zip(pairs, finish(jobs, run_one, at_once, say), strict=True):
        if isinstance(outcome, str):
            failures[entry.label, seed] = outcome
        else:
            runs[entry.label][seed] = outcome
    return runs, failures


def _evidence(entries: list[Entry], runs: Runs) -> list[Entry]:
    """Make the entry that shows what evidence finds alone, if it knows the clock in a run and nobody has asked."""
    for label, of_entry in runs.items():
        model = next((name for run in of_entry.values() if (name := evidence_beside(run))), None)
        if model and model not in runs:
            return [entry_beside(entries, label, model)]
    return []


def _with_control(runs: Runs) -> list[str]:
    """Return the labels of models that transfer and whose scratch control was run."""
    return [label for label in runs if not variant_of(label) and beside(label, "scratch") in runs]


def _with_ensembles(runs: Runs, failures: Failures, entries: list[Entry], folder: Path, say: Say) -> Runs:
    """Add, behind each scratch control, the ensembles with what transfers; take note of those that fail."""
    resolved = {entry.label: entry.resolved for entry in entries}
    extended: Runs = {}
    for name, of_entry in runs.items():
        extended[name] = of_entry
        family, variant = parse(name)
        label = family.label()
        spec = resolved[label].spec if label in resolved else None
        if variant != "scratch" or label not in _with_control(runs) or (spec and not spec.is_combined):
            continue
        ensemble = Entry(family.label("ensemble"), resolved[label])
        extended[ensemble.label] = {}
        for seed in sorted(runs[label].keys() & of_entry.keys()):
            outcome = _ensemble(_job(ensemble, seed, folder), [runs[label][seed], of_entry[seed]], say)
            if isinstance(outcome, str):
                failures[ensemble.label, seed] = outcome
            elif outcome is not None:
                extended[ensemble.label][seed] = outcome
    return extended


def _ensemble(job: Job, members: list[RunResult], say: Say) -> Outcome | None:
    """Make an ensemble or read it; ``None`` if it was never made and its members' checkpoints are gone."""
    if not job.path.exists() and not all(Path(member.checkpoint or "").is_file() for member in members):
        say(f"{job.title}: left out, the checkpoints of its members are gone")
        return None
    (outcome,) = finish([job], lambda _: combine(members, run_one, "auto"), 1, say)
    return outcome


def _deliveries(runs: Runs, metric: str, asked: str) -> dict[str, dict[int, Delivery]]:
    chosen: dict[str, dict[int, Delivery]] = {}
    for label in _with_control(runs):
        for seed in runs[label]:
            variants = [
                runs[name][seed]
                for name in (label, beside(label, "scratch"), beside(label, "ensemble"))
                if seed in runs.get(name, {})
            ]
            delivery = deliver(variants, metric, asked)
            if delivery:
                chosen.setdefault(label, {})[seed] = delivery
    return chosen


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _reference(entries: list[Entry], asked: str | None) -> str:
    labels = [entry.label for entry in entries]
    if asked is None:
        controls = [label for label in labels if variant_of(label) == "scratch"]
        return [*controls, *labels][0]
    if asked not in labels:
        raise UserError([f"--reference={asked}: must be one of {', '.join(labels)}"])
    return asked


def _job(entry: Entry, seed: int, folder: Path) -> Job:
    resolved = entry.seeded(seed)
    title = f"{entry.label}, seed {seed}"
    return Job(title, run_file(folder, entry.label, resolved), {**resolved.user, "resume": "auto"})
