"""Run a comparison: every model and seed once, in the same order, whatever happened before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from recbole.data import create_dataset, data_preparation

from recbole_metarec.checks import default_settings, effective_settings
from recbole_metarec.comparison.entries import Entry, make_entries
from recbole_metarec.comparison.jobs import Job, finish
from recbole_metarec.comparison.space import read_space, space_problems
from recbole_metarec.comparison.store import run_file
from recbole_metarec.comparison.tuning import tune
from recbole_metarec.config import MODELS, PluginConfig, for_domain
from recbole_metarec.data.dataset import DomainDataset, load_domain
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.groups import Grouping, group_users
from recbole_metarec.evaluation.report import RunResult
from recbole_metarec.quick_start import run_one


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
    groupings : list of Grouping
        Parts of the test users.
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
    groupings: list[Grouping] = field(default_factory=list)
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
    settings = {"dataset": default_settings("", settings)["dataset"], **settings}
    entries = make_entries(settings)
    effective = effective_settings(entries[0].model, settings)
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
    runs: dict[str, dict[int, RunResult]] = {entry.label: {} for entry in entries}
    failures: dict[tuple[str, int], str] = {}
    for (entry, seed), outcome in zip(pairs, finish(jobs, run_one, at_once, say), strict=True):
        if isinstance(outcome, str):
            failures[entry.label, seed] = outcome
        else:
            runs[entry.label][seed] = outcome
    target, sources, groupings = _describe(entries, seeds[0])
    samples = effective["bootstrap_samples"]
    return Comparison(dict(settings), entries, reference, seeds, runs, failures, target, sources, groupings, samples)


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


def _describe(entries: list[Entry], seed: int) -> tuple[str, list[str], list[Grouping]]:
    """Describe the target's training part and the sources, and group the test users in the order of ranks."""
    settings = entries[0].settings
    config = PluginConfig("MetaRec", settings["dataset"], {**_of_the_target(settings), "seed": seed})
    train, _, test = data_preparation(config, create_dataset(config))
    assert isinstance(train._dataset, DomainDataset)
    domain, rows = train._dataset.domain(), test._dataset.inter_feat
    targets: npt.NDArray[np.int64] = rows[test._dataset.iid_field].numpy()
    lengths: npt.NDArray[np.int64] = test._dataset.history_lengths(rows).numpy()
    used = [effective_settings(entry.model, entry.settings) for entry in entries if entry.model in MODELS]
    names = dict.fromkeys(name for effective in used for name in effective["source_datasets"] or ())
    sources = [load_domain(for_domain(config, name)).describe() for name in names]
    groupings = group_users(lengths, domain.item_counts()[targets], domain.item_counts())
    return domain.describe(), sources, groupings


def _of_the_target(settings: Mapping[str, Any]) -> dict[str, Any]:
    known = default_settings("MetaRec", settings)
    return {key: value for key, value in settings.items() if key in known and key not in ("model", "load_col")}
