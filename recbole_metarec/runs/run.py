"""Run a model and compare it with its controls: the functions behind the command line."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from logging import getLogger
from pathlib import Path
from typing import Any

from recbole_metarec.bridge.checks import refusals
from recbole_metarec.bridge.config import PluginConfig, variant_of
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.embedded import make_embedded
from recbole_metarec.bridge.history import ranked_both_ways
from recbole_metarec.bridge.idle import warn_of_idle
from recbole_metarec.bridge.overlap import tell_overlap
from recbole_metarec.bridge.pickles import allow_pickle
from recbole_metarec.bridge.recommender import DomainRecommender
from recbole_metarec.bridge.sizes import within_memory
from recbole_metarec.bridge.stamped import unseen_share
from recbole_metarec.bridge.trainer import DomainTrainer, Evaluated
from recbole_metarec.configuration.checks import sound
from recbole_metarec.configuration.layers import Resolved, transfers
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.groups import cold_metrics
from recbole_metarec.lazy import load_object
from recbole_metarec.models import SPECS
from recbole_metarec.runs.console import curves, open_log, progress, wandb_run
from recbole_metarec.runs.controls import controls
from recbole_metarec.runs.delivery import Delivery, deliver
from recbole_metarec.runs.doubts import doubts
from recbole_metarec.runs.own_data import with_frames_written
from recbole_metarec.runs.peak import peak_megabytes, reset_peak
from recbole_metarec.runs.prepare import configure, prepare
from recbole_metarec.runs.record import record, record_controls
from recbole_metarec.runs.report import write_json
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.resuming import Place
from recbole_metarec.runs.tidying import say_finished, tidy
from recbole_metarec.training import world
from recbole_metarec.training.processes import join


def run(settings: Mapping[str, Any] | None = None, /, **keys: Any) -> list[RunResult]:
    """Check settings, train, and compare a model that transfers with the same model trained from scratch.

    Parameters
    ----------
    settings : mapping, optional
        ``model``, and any key of the property files. ``dataset`` and ``sources`` may be frames of your own; see
        `own_data.with_frames_written`.
    **keys
        The same, as in ``run(model="MetaRec", dataset="ml-100k-western", source_datasets=["ml-100k-war"])``, or
        ``run(model="MetaRec", dataset=frame, sources={"ca": other}, user="customer", item="sku", time="bought_at")``.

    Returns
    -------
    list of RunResult
        The run; behind it its controls: from scratch, an ensemble of both, evidence alone, the memory alone. With
        ``result_file`` they are written there, too.

    Raises
    ------
    UserError
        If a setting or a dataset is wrong.
    OSError
        If ``result_file`` cannot be written.
    """
    settings = {**(settings or {}), **keys}
    join(settings.get("gpu_id", "0"))
    with world.first_before_others():
        settings = with_frames_written(settings)
    resolved = accepted(sound(settings))
    runs = make_runs(resolved)
    if resolved["result_file"]:
        write_json(Path(resolved["result_file"]), runs, resolved["bootstrap_samples"], delivery(resolved, runs))
    return runs


def accepted(resolved: Resolved) -> Resolved:
    """Refuse, with a `UserError`, what RecBole refuses of sound settings, and warn of those that do nothing."""
    problems = [*refusals(resolved.user)]
    if problems:
        raise UserError(problems)
    warn_of_idle([resolved.model], resolved.user)
    return resolved


def make_runs(resolved: Resolved) -> list[RunResult]:
    """Do what `run` does with settings that are `accepted`, but write no results."""
    with world.first_before_others():
        make_embedded(resolved.values)
    if world.is_first():
        learns_from = transfers(resolved.model, resolved)
        tell_overlap(resolved.values, resolved["source_datasets"] or () if learns_from else ())
    first = run_one(resolved.user, tells=True)
    runs = [first, *(controls(resolved, first, run_one) if resolved["scratch_control"] else ())]
    if len(runs) > 1:
        record_controls(runs, resolved["bootstrap_samples"])
    tidy(resolved.values, runs)
    return runs


def delivery(resolved: Resolved, runs: Sequence[RunResult]) -> Delivery | None:
    """Choose the run of `run` whose model is to be used; see `deliver`."""
    return deliver(runs, resolved["valid_metric"], resolved["deliver"])


def run_one(settings: Mapping[str, Any], tells: bool = False) -> RunResult:
    """Train one model on one target and test it.

    Parameters
    ----------
    settings : mapping
        ``model`` and ``dataset``, and what else the user set; not checked again.
    tells : bool
        Whether to say that there is nothing to go on from, where that is looked for.

    Returns
    -------
    RunResult

    Raises
    ------
    UserError
        If RecBole refuses the configuration or the data, or the run cannot go on from what ``resume`` names.
    """
    reset_peak()
    config = configure(settings)
    place = Place(config)
    finished = place.finished()
    if finished is not None:
        return finished
    try:
        place.find()
        if tells:
            place.tell_of_nothing()
        with place.named_when_ended():
            return _train(config, place)
    finally:
        place.leave()


def _train(config: PluginConfig, place: Place) -> RunResult:
    """Train and test, from the beginning or from what was found in a place, and keep the result there."""
    log = open_log(config)
    scores: list[float] = []
    with (
        allow_pickle(config["allow_pickle"]),
        wandb_run(config),
        curves(),
        within_memory(config),
        progress(config, scores) as (show, after_epoch),
    ):
        trainer, train_data, valid_data, test_data = prepare(config)
        place.join(trainer)
        _, valid = trainer.fit(train_data, valid_data, show_progress=show, callback_fn=after_epoch)
        with ranked_both_ways(test_data):
            test = trainer.evaluate(test_data, show_progress=show)
        tested = _collected(trainer, test)
        validated = _validated(trainer, valid_data)
    getLogger().info(f"best valid: {valid}, test result: {test}")
    seconds = place.seconds
    result = _result(config, trainer, valid or {}, tested, validated, train_data._dataset, test_data._dataset)
    target = train_data._dataset
    record(result, config, len(target.interactions()[target.iid_field]) if isinstance(target, DomainDataset) else None)
    curve = list(trainer.scores) if isinstance(trainer, DomainTrainer) else scores
    result = replace(result, seconds=round(seconds, 2), curve=curve, log=log)
    place.finish(result)
    say_finished(result)
    for doubt in doubts(result) if world.is_first() else ():
        print(f"warning: {place.title}: {doubt}", file=sys.stderr)
    return result


def _collected(trainer: Any, metrics: Mapping[str, Any]) -> Evaluated:
    """Return what a trainer's last evaluation found."""
    collector = trainer.eval_collector
    return Evaluated(dict(metrics), collector.targets, collector.ranks, collector.other_ranks)


def _validated(trainer: Any, valid_data: Any) -> Evaluated | None:
    """Return what the trained model, which was tested before, finds in validation, if there is one."""
    if isinstance(trainer, DomainTrainer):
        return trainer.validated
    if not valid_data:
        return None
    with ranked_both_ways(valid_data):
        return _collected(trainer, trainer.evaluate(valid_data, load_best_model=False))


def _result(
    config: PluginConfig,
    trainer: Any,
    valid: Mapping[str, Any],
    tested: Evaluated,
    validated: Evaluated | None,
    train: Any,
    to_test: Any,
) -> RunResult:
    """Put together what a trained model gave; ``train`` and ``to_test`` are parts of the target."""
    model, targets = trainer.model, tested.targets
    return RunResult(
        model=config["model"],
        variant=variant_of(config),
        dataset=config["dataset"],
        source_datasets=list(config["source_datasets"] or ()) if transfers(config["model"], config) else [],
        seed=config["seed"],
        mask_history=bool(config["mask_history"]),
        preset=config["preset"],
        mode=_mode(config),
        known_items=bool(config["known_items"]),
        unseen_targets=unseen_share(to_test),
        valid=_plain_metrics(valid),
        test=_plain_metrics(tested.metrics),
        epochs=len(trainer.train_loss_dict),
        memory_weight=model.memory_weight if isinstance(model, DomainRecommender) else None,
        diagnostics=_diagnostics(trainer),
        peak_memory=round(peak_megabytes(), 1),
        n_users=0 if targets is None else targets.n_users,
        n_targets=0 if targets is None else len(targets.users),
        cold=_cold(tested, train),
        checkpoint=str(trainer.saved_model_file) if Path(trainer.saved_model_file).exists() else None,
        **_rows("", tested, train),
        **_rows("valid_", validated, train),
    )


def _mode(config: PluginConfig) -> str:
    """Return what is ranked in the test split."""
    mode = config["eval_args"]["mode"]
    return str(mode["test"] if isinstance(mode, Mapping) else mode)


def _plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name.lower(): float(value) for name, value in metrics.items()}


def _diagnostics(trainer: Any) -> dict[str, Any]:
    spec = SPECS.get(trainer.config["model"])
    of_model = dict(load_object(spec.diagnostics)(trainer)) if spec and spec.diagnostics else {}
    learnt = trainer.learnt if isinstance(trainer, DomainTrainer) else None
    return of_model if learnt is None else {**of_model, "evidence": learnt.plain()}


def _cold(tested: Evaluated, train: Any) -> dict[str, float] | None:
    """Measure the test on items that stand nowhere in the training part, if that has sequences."""
    if tested.targets is None or tested.ranks is None or not isinstance(train, DomainDataset):
        return None
    cold = train.domain().item_counts()[tested.targets.items] == 0
    return cold_metrics(_plain_metrics(tested.metrics), tested.targets.take(cold), tested.ranks[cold])


def _rows(prefix: str, evaluated: Evaluated | None, dataset: Any) -> dict[str, Any]:
    """Return targets by name and their ranks, if there are any, as attributes of a result."""
    if evaluated is None or evaluated.targets is None:
        return {}
    return {
        f"{prefix}targets": evaluated.targets.named(dataset),
        f"{prefix}ranks": evaluated.ranks,
        f"{prefix}other_ranks": evaluated.other_ranks,
    }
