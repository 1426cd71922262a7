"""Run a comparison: every model and seed once, in the same order, whatever happened before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_metarec.bridge.config import PluginConfig, for_domain, resolve
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.embedded import make_embedded
from recbole_metarec.bridge.loading import load_domain
from recbole_metarec.comparison.entries import Entry, make_entries
from recbole_metarec.comparison.jobs import Job, Outcome, finish
from recbole_metarec.comparison.space import read_space, space_problems
from recbole_metarec.comparison.store import run_file
from recbole_metarec.comparison.tuning import tune
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.groups import Grouping, group_targets
from recbole_metarec.evaluation.targets import Targets
from recbole_metarec.models import can_transfer
from recbole_metarec.runs.delivery import Delivery, deliver
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import combine, run_one


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
    target : str
        One line about the target's training part.
    sources : list of str
        One line about each source.
    grouped : Targets or None
        The test targets that groupings divide.
    groupings : list of Grouping
        Parts of them.
    deliveries : dict of str to dict of int to Delivery
        By label and seed, for the models that transfer: which of their variants is to be used.
    samples : int
        Resamples of bootstraps.
    """

    settings: dict[str, Any]
    entries: list[Entry]
    reference: str
    seeds: list[int]
    runs: dict[str, dict[int, RunResult]]
    failures: dict[tuple[str, int], str] = field(default_factory=dict)
    target: str = ""
    sources: list[str] = field(default_factory=list)
    grouped: Targets | None = None
    groupings: list[Grouping] = field(default_factory=list)
    deliveries: dict[str, dict[int, Delivery]] = field(default_factory=dict)
    samples: int = 2000


def compare(settings: Mapping[str, Any], say: Callable[[str], None] | None = None) -> Comparison:
    """Train and test models side by side.

    Parameters
    ----------
    settings : mapping
        ``model``: list of names, of this package's with a variant behind a colon if wanted (``MetaRec:joint``);
        ``seeds``, ``reference``, ``comparison_folder``, ``runs_at_once``, ``tune``, ``trials``, and any key of a run.
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
    say = say or _to_stderr
    settings = {"dataset": resolve("", settings).defaults["dataset"], **settings}
    entries = make_entries(settings)
    for entry in entries:
        make_embedded(resolve(entry.model, entry.settings).values)
    effective = resolve(entries[0].model, settings).values
    reference = _reference(entries, effective["reference"])
    folder = Path(effective["comparison_folder"])
    at_once = effective["runs_at_once"]
    if effective["tune"]:
        space = read_space(Path(effective["tune"]))
        problems = space_problems(space, entries)
        if problems:
            raise UserError(problems)
        trials, seed = effective["trials"], effective["seed"]
        entries = [tune(entry, space, trials, seed, folder, run_one, at_once, say) for entry in entries]
    seeds = [effective["seed"] + number for number in range(effective["seeds"])]
    pairs = [(entry, seed) for seed in seeds for entry in entries]
    jobs = [_job(entry, seed, folder) for entry, seed in pairs]
    runs: Runs = {entry.label: {} for entry in entries}
    failures: Failures = {}
    for (entry, seed), outcome in zip(pairs, finish(jobs, run_one, at_once, say), strict=True):
        if isinstance(outcome, str):
            failures[entry.label, seed] = outcome
        else:
            runs[entry.label][seed] = outcome
    if effective["deliver"] in ("auto", "ensemble"):
        runs = _with_ensembles(runs, failures, entries, folder, say)
    deliveries = _deliveries(runs, effective)
    described = _describe(entries, seeds[0], say)
    samples = effective["bootstrap_samples"]
    return Comparison(
        dict(settings), entries, reference, seeds, runs, failures, *described, deliveries=deliveries, samples=samples
    )


Runs = dict[str, dict[int, RunResult]]
Failures = dict[tuple[str, int], str]
Say = Callable[[str], None]


def _with_control(runs: Runs) -> list[str]:
    """Return the labels of models that transfer and whose scratch control was run."""
    return [label for label in runs if ":" not in label and f"{label}:scratch" in runs]


def _with_ensembles(runs: Runs, failures: Failures, entries: list[Entry], folder: Path, say: Say) -> Runs:
    """Add, behind each scratch control, the ensembles with what transfers; take note of those that fail."""
    settings = {entry.label: entry.settings for entry in entries}
    every: Runs = {}
    for name, of_entry in runs.items():
        every[name] = of_entry
        label, _, variant = name.partition(":")
        if variant != "scratch" or label not in _with_control(runs):
            continue
        ensemble = Entry(f"{label}:ensemble", settings[label])
        every[ensemble.label] = {}
        for seed in sorted(runs[label].keys() & of_entry.keys()):
            outcome = _ensemble(_job(ensemble, seed, folder), [runs[label][seed], of_entry[seed]], say)
            if isinstance(outcome, str):
                failures[ensemble.label, seed] = outcome
            elif outcome is not None:
                every[ensemble.label][seed] = outcome
    return every


def _ensemble(job: Job, members: list[RunResult], say: Say) -> Outcome | None:
    """Make an ensemble or read it; ``None`` if it was never made and its members' checkpoints are gone."""
    if not job.path.exists() and not all(Path(member.checkpoint or "").is_file() for member in members):
        say(f"{job.title}: left out, the checkpoints of its members are gone")
        return None
    (outcome,) = finish([job], lambda _: combine(*members), 1, say)
    return outcome


def _deliveries(runs: Runs, effective: Mapping[str, Any]) -> dict[str, dict[int, Delivery]]:
    metric, asked = effective["valid_metric"], effective["deliver"]
    found: dict[str, dict[int, Delivery]] = {}
    for label in _with_control(runs):
        for seed in runs[label]:
            variants = [
                runs[name][seed]
                for name in (label, f"{label}:scratch", f"{label}:ensemble")
                if seed in runs.get(name, {})
            ]
            delivery = deliver(variants, metric, asked)
            if delivery:
                found.setdefault(label, {})[seed] = delivery
    return found


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _reference(entries: list[Entry], asked: str | None) -> str:
    labels = [entry.label for entry in entries]
    if asked is None:
        controls = [label for label in labels if label.endswith(":scratch")]
        return [*controls, *labels][0]
    if asked not in labels:
        raise UserError([f"--reference={asked}: must be one of {', '.join(labels)}"])
    return asked


def _job(entry: Entry, seed: int, folder: Path) -> Job:
    settings = {**entry.settings, "seed": seed}
    return Job(f"{entry.label}, seed {seed}", run_file(folder, entry.label, settings), settings)


Description = tuple[str, list[str], Targets | None, list[Grouping]]


def _describe(entries: list[Entry], seed: int, say: Callable[[str], None]) -> Description:
    """Describe the target's training part and the sources, and group the test targets.

    Runs that are finished are shown even where the target cannot be read as sequences.
    """
    settings = entries[0].settings
    if settings.get("benchmark_filename"):  # split already: there are no whole sequences to describe
        return settings["dataset"], [], None, []
    # All settings but the model: whatever the runs read and filter by, the description does, too.
    config = PluginConfig("MetaRec", settings["dataset"], {**settings, "model": "MetaRec", "seed": seed})
    used = [resolve(entry.model, entry.settings).values for entry in entries if can_transfer(entry.model)]
    names = dict.fromkeys(name for effective in used for name in effective["source_datasets"] or ())
    try:
        dataset = DomainDataset(config)
        train, _, test = dataset.build()
        domain, rows = train.domain(), test.inter_feat
        sources = [load_domain(for_domain(config, name)).describe() for name in names]
    except (ValueError, KeyError, AttributeError, OSError, NotImplementedError) as error:
        say(f"{settings['dataset']}: not described: {type(error).__name__}: {' '.join(str(error).split())}")
        return settings["dataset"], [], None, []
    targets = Targets(rows[test.uid_field].numpy(), rows[test.iid_field].numpy())
    counts = domain.item_counts()
    lengths: npt.NDArray[np.int64] = test.history_lengths(rows).numpy()
    groupings = group_targets(lengths, counts[targets.items], counts)
    return domain.describe(), sources, targets.named(test), groupings
