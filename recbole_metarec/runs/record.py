"""What runs found, written into their checkpoints, and the model cards beside these."""

from __future__ import annotations

from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np

from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.significance import mean_intervals
from recbole_metarec.files import what_failed, write_text
from recbole_metarec.inspection.card import card
from recbole_metarec.runs.report import changes
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.wording import protocol
from recbole_metarec.training import checkpoint


def record(run: RunResult, settings: Any, interactions: int | None) -> None:
    """Write what a run found into its checkpoint, and the model card beside it; what cannot be written is a warning.

    Parameters
    ----------
    run : RunResult
    settings : mapping or recbole.config.Config
        Its own: ``eval_args`` and ``bootstrap_samples`` are read.
    interactions : int, optional
        Of the target, all splits together.
    """
    arguments = settings["eval_args"]
    found = {
        "valid": run.valid,
        "test": run.test,
        "intervals": intervals(run, settings["bootstrap_samples"]),
        "protocol": {
            "said": protocol(run),
            "split": arguments["split"],
            "order": arguments["order"],
            "mode": run.mode,
            "mask_history": run.mask_history,
            "known_items": run.known_items,
            "unseen_targets": run.unseen_targets,
            "n_users": run.n_users,
            "n_targets": run.n_targets,
            "seed": run.seed,
        },
        "controls": [],
        "change_over_scratch": {},
    }
    of_members = {name: None for member in settings["members"] or () for name in member["source_datasets"] or ()}
    sources = run.source_datasets or [*of_members]
    about = {"variant": run.variant, "source_datasets": sources, "diagnostics": run.diagnostics}
    _rewrite(run, metrics=found, data={"interactions": interactions}, **about)


def record_controls(runs: Sequence[RunResult], samples: int) -> None:
    """Write into the checkpoints of runs, and into their cards, what the other runs found; see `record`.

    Parameters
    ----------
    runs : sequence of RunResult
        A run and its controls.
    samples : int
        Resamples of the bootstrap.
    """
    rows = [{"label": each.label, "test": each.test, "intervals": intervals(each, samples)} for each in runs]
    scratch = next((run for run in runs if run.variant == "scratch" and run.model == runs[0].model), None)
    for number, run in enumerate(runs):
        is_compared = scratch is not None and run is not scratch and run.model == scratch.model
        over = changes(run, scratch, samples) if scratch and is_compared else {}
        changed = {name: {"relative": each.relative, "low": each.low, "high": each.high} for name, each in over.items()}
        found = {"controls": rows[:number] + rows[number + 1 :], "change_over_scratch": changed}
        _rewrite(run, metrics=found)


def intervals(run: RunResult, samples: int) -> dict[str, list[float]]:
    """Compute the 95% intervals over users of test metrics, those that are functions of ranks.

    Parameters
    ----------
    run : RunResult
    samples : int
        Resamples of the bootstrap.

    Returns
    -------
    dict of str to [float, float]
    """
    names = [name for name in run.test if is_of_ranks(name)]
    if run.targets is None or run.ranks is None or not len(run.ranks) or not names:
        return {}
    values = np.stack([metric_of_ranks(name, run.ranks) for name in names], axis=1)
    if not np.allclose(values.mean(0), [run.test[name] for name in names], atol=1e-3):
        return {}  # RecBole took means over users who have several targets
    bounds = mean_intervals(values, samples, run.seed, run.targets.user_numbers())
    return dict(zip(names, bounds.tolist(), strict=True))


def _rewrite(run: RunResult, **found: Any) -> None:
    """Add keys to a run's checkpoint, dicts to those that stand there, and write its card anew."""
    if run.checkpoint is None:
        return
    path = Path(run.checkpoint)
    try:
        state = checkpoint.load(path)
        unchanged = dict(state)
        for key, value in found.items():
            before = state.get(key)
            state[key] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
        if any(state[key] != unchanged.get(key) for key in found):
            checkpoint.save(path, state)
        write_text(path.with_suffix(".md"), card(state, path.name).splitlines())
    except UserError as error:  # what a model of another package wrote by itself
        getLogger().info(f"no metrics in {path}: {error}")
    except OSError as error:
        getLogger().warning(f"{what_failed(error)}: the metrics are not in the checkpoint")
