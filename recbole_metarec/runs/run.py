"""Run a model and compare it with its control: the functions behind the command line."""

from __future__ import annotations

import importlib
import logging
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any

import recbole.data.dataset
import recbole.trainer.trainer
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_logger, init_seed
from tqdm import tqdm

from recbole_metarec.bridge.checkpoint import named_when_interrupted
from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.collector import RankCollector
from recbole_metarec.bridge.config import PluginConfig, resolve, transfers, variant_of
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.embedded import make_embedded
from recbole_metarec.bridge.idle import warn_of_idle
from recbole_metarec.bridge.item_features import prepare_features
from recbole_metarec.bridge.loading import takes_domains
from recbole_metarec.bridge.pickles import allow_pickle
from recbole_metarec.bridge.sizes import ParameterBudget, within_memory
from recbole_metarec.errors import UserError, shown
from recbole_metarec.evaluation.groups import cold_metrics
from recbole_metarec.models import SPECS, can_transfer
from recbole_metarec.runs.delivery import Delivery, deliver
from recbole_metarec.runs.peak import peak_megabytes, reset_peak
from recbole_metarec.runs.report import write_json
from recbole_metarec.runs.result import RunResult
from recbole_metarec.training import checkpoint


def run(settings: Mapping[str, Any]) -> list[RunResult]:
    """Check settings, train, and compare a model that transfers with the same model trained from scratch.

    Parameters
    ----------
    settings : mapping
        ``model``, and any key of the property files.

    Returns
    -------
    list of RunResult
        The run; behind it its controls: from scratch, an ensemble of both, the memory alone. With ``result_file`` they
        are written there, too.

    Raises
    ------
    UserError
        If a setting or a dataset is wrong.
    OSError
        If ``result_file`` cannot be written.
    """
    runs = make_runs(settings)
    effective = resolve(settings["model"], settings).values
    if effective["result_file"]:
        write_json(Path(effective["result_file"]), runs, effective["bootstrap_samples"], delivery(settings, runs))
    return runs


def make_runs(settings: Mapping[str, Any]) -> list[RunResult]:
    """Do what `run` does, but write no results."""
    model = settings.get("model")
    if not isinstance(model, str) or not model:
        raise UserError([f"{shown('model', model)}: must be the name of a model; write --model=MetaRec"])
    defaults = resolve(model, settings).defaults
    settings = {"dataset": defaults["dataset"], **settings}
    problems = find_problems(settings)
    if problems:
        raise UserError(problems)
    warn_of_idle([model], settings)
    effective = resolve(model, settings).values
    make_embedded(effective)
    runs = [run_one(settings)]
    if effective["scratch_control"]:
        runs += _controls({**settings, "resume": None}, effective, runs[0])
    return runs


def delivery(settings: Mapping[str, Any], runs: Sequence[RunResult]) -> Delivery | None:
    """Choose the run of `run` whose model is to be used; see `deliver`."""
    effective = resolve(settings["model"], settings).values
    return deliver(runs, effective["valid_metric"], effective["deliver"])


def _controls(settings: Mapping[str, Any], effective: Mapping[str, Any], run: RunResult) -> Iterator[RunResult]:
    model = settings["model"]
    if transfers(model, effective):
        scratch = run_one({**settings, **(SPECS[model].scratch or {})})
        yield scratch
        if effective["deliver"] in ("auto", "ensemble"):
            yield combine(run, scratch)
    if can_transfer(model) and effective["memory_weight"] != 0:
        yield run_one({**settings, "model": "Memory"})


def combine(*members: RunResult) -> RunResult:
    """Make an ensemble of trained models and test it.

    Parameters
    ----------
    *members : RunResult
        Runs of this package's models on one target, with their checkpoints.

    Returns
    -------
    RunResult
        ``ensemble`` is its variant.
    """
    files = [str(member.checkpoint) for member in members]
    plain = [checkpoint.load(Path(file))["config"] for file in files]
    settings = {**plain[0], "model": "Ensemble", "members": plain, "member_files": files}
    first = members[0]
    return replace(run_one(settings), model=first.model, variant="ensemble", source_datasets=first.source_datasets)


def run_one(settings: Mapping[str, Any]) -> RunResult:
    """Train one model on one target and test it.

    Parameters
    ----------
    settings : mapping
        ``model`` and ``dataset``, and what else the user set; not checked again.

    Returns
    -------
    RunResult

    Raises
    ------
    UserError
        If RecBole refuses the configuration or the data.
    """
    start = time.perf_counter()
    reset_peak()
    config = _configure(settings)
    log = _open_log(config)
    curve: list[float] = []
    with (
        allow_pickle(config["allow_pickle"]),
        _wandb_run(config),
        within_memory(config),
        _progress(config, curve) as (show, after_epoch),
    ):
        trainer, train_data, valid_data, test_data = prepare(config)
        if config["resume"]:
            trainer.resume_checkpoint(config["resume"])
        with named_when_interrupted(trainer):
            _, valid = trainer.fit(train_data, valid_data, show_progress=show, callback_fn=after_epoch)
            test = trainer.evaluate(test_data, show_progress=show)
    getLogger().info(f"best valid: {valid}, test result: {test}")
    seconds = time.perf_counter() - start
    result = replace(
        _result(config, trainer, valid or {}, test, log, seconds),
        curve=curve,
        **_rows(trainer.eval_collector, test_data._dataset, ""),
        **_rows(getattr(trainer, "validated", None), test_data._dataset, "valid_"),
    )
    return replace(result, cold=cold_metrics(result, train_data._dataset, trainer.eval_collector.targets))


def _rows(found: Any, dataset: Any, prefix: str) -> dict[str, Any]:
    """Return targets by name and their ranks, if there are any, as attributes of a result."""
    if found is None or found.targets is None:
        return {}
    return {f"{prefix}targets": found.targets.named(dataset), f"{prefix}ranks": found.ranks}


def prepare(config: PluginConfig) -> tuple[Any, Any, Any, Any]:
    """Load and split the target, build the model and its trainer; the seed fixes both.

    Parameters
    ----------
    config : PluginConfig
        Configuration of the run.

    Returns
    -------
    trainer, train_data, valid_data, test_data
        RecBole's; the trainer keeps the ranks of test targets.

    Raises
    ------
    UserError
        If RecBole refuses the data.
    """
    init_seed(config["seed"], config["reproducibility"])
    train_data, valid_data, test_data = _load(config)
    if not len(test_data):
        split = config["eval_args"]["split"]
        raise UserError(
            [f"--eval_args: split {split} leaves nothing of {config['dataset']} to test on; test more of it"]
        )
    prepare_features(config, train_data._dataset)
    init_seed(config["seed"], config["reproducibility"])
    model = _build(config, train_data._dataset)
    getLogger().info(model)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    trainer.eval_collector = RankCollector(config)
    return trainer, train_data, valid_data, test_data


def _build(config: PluginConfig, dataset: Any) -> Any:
    kind = get_model(config["model"])
    with within_memory(config):
        try:
            with ParameterBudget():
                model = kind(config, dataset)
        except (MemoryError, OverflowError):
            raise
        except Exception as error:  # RecBole's models check hardly any of their settings
            if not kind.__module__.startswith("recbole."):
                raise
            getLogger().info(traceback.format_exc())
            line = " ".join(f"{type(error).__name__}: {error}".split())
            raise UserError([f"--model={config['model']}: cannot be built with these settings: {line}"]) from error
        return model.to(config["device"])


def _configure(settings: Mapping[str, Any]) -> PluginConfig:
    try:
        return PluginConfig(settings["model"], settings["dataset"], settings)
    except (ValueError, TypeError, KeyError, NotImplementedError, RuntimeError) as error:
        raise UserError([f"RecBole refuses the configuration: {error}"]) from error


def _load(config: PluginConfig) -> Any:
    """Load and split the target: stock rows for RecBole's models, at a fraction of the memory."""
    own = hasattr(recbole.data.dataset, f"{config['model']}Dataset")  # which RecBole finds by itself
    ours = not own and takes_domains(config["model"], config["MODEL_TYPE"], bool(config["benchmark_filename"]))
    try:
        dataset = DomainDataset(config) if ours else create_dataset(config)
        getLogger().info(dataset)
        return data_preparation(config, dataset)
    except UserError:
        raise
    except (ValueError, NotImplementedError, AssertionError) as error:
        line = " ".join(str(error).split())
        raise UserError([f"RecBole refuses the data of {config['dataset']}: {line}"]) from error


def _open_log(config: PluginConfig) -> str | None:
    """Open a log file for this run alone; the console shows warnings only."""
    logger = getLogger()
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    init_logger(config)
    path = None
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            path = handler.baseFilename
        else:
            handler.setLevel(max(handler.level, logging.WARNING))
    logger.info(config)
    return path


@contextmanager
def _progress(config: PluginConfig, curve: list[float]) -> Iterator[tuple[bool, Any]]:
    """Show one bar over the epochs and take note of their scores; RecBole's bars within an epoch vanish when full.

    Bars are for terminals: ``disable=None`` is tqdm's word for that.
    """
    show = bool(config["show_progress"])
    stock, best = recbole.trainer.trainer.tqdm, float("-inf")
    variant = variant_of(config)
    label = f"{config['model']} {variant or ''}".strip()
    recbole.trainer.trainer.tqdm = partial(stock, leave=False, delay=2, disable=None)
    with tqdm(total=config["epochs"], desc=label, unit="epoch", disable=None if show else True) as bar:

        def after_epoch(epoch: int, score: float) -> None:
            nonlocal best
            best = max(best, score)
            curve.append(float(score))
            bar.set_postfix_str(f"{config['valid_metric']} {score:.4f}, best {best:.4f}")
            bar.update(epoch + 1 - bar.n)

        try:
            yield show, after_epoch
        finally:
            recbole.trainer.trainer.tqdm = stock


@contextmanager
def _wandb_run(config: PluginConfig) -> Iterator[None]:
    """End the run that RecBole begins at Weights & Biases, or the next model's curves would go on in it."""
    try:
        yield
    finally:
        if config["log_wandb"]:
            importlib.import_module("wandb").finish()


def _result(
    config: PluginConfig,
    trainer: Any,
    valid: Mapping[str, Any],
    test: Mapping[str, Any],
    log: str | None,
    seconds: float,
) -> RunResult:
    usage = trainer.model.codebook_usage() if config["model"] == "MetaRec" else None
    targets = trainer.eval_collector.targets
    return RunResult(
        model=config["model"],
        variant=variant_of(config),
        dataset=config["dataset"],
        source_datasets=list(config["source_datasets"]) if transfers(config["model"], config) else [],
        seed=config["seed"],
        mask_history=bool(config["mask_history"]),
        mode=_mode(config),
        valid={name.lower(): float(value) for name, value in valid.items()},
        test={name.lower(): float(value) for name, value in test.items()},
        source_weights=getattr(trainer, "source_weights", None),
        seconds=round(seconds, 2),
        epochs=len(trainer.train_loss_dict),
        codebook=usage._asdict() if usage else None,
        memory_weight=getattr(trainer.model, "memory_weight", None),
        weight_history=list(getattr(trainer, "weight_history", [])),
        peak_memory=round(peak_megabytes(), 1),
        n_users=0 if targets is None else targets.n_users,
        n_targets=0 if targets is None else len(targets.users),
        checkpoint=str(trainer.saved_model_file) if Path(trainer.saved_model_file).exists() else None,
        log=log,
    )


def _mode(config: PluginConfig) -> str:
    """Return what is ranked in the test split."""
    mode = config["eval_args"]["mode"]
    return str(mode["test"] if isinstance(mode, Mapping) else mode)
