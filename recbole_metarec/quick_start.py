"""Run a model and compare it with its control: the functions behind the command line."""

from __future__ import annotations

import importlib
import logging
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any

import recbole.data.dataset
import recbole.trainer.trainer
from recbole.data import create_dataset, data_preparation
from recbole.utils import ModelType, get_model, get_trainer, init_logger, init_seed
from tqdm import tqdm

from recbole_metarec.checks import default_settings, effective_settings, find_problems
from recbole_metarec.config import MODELS, SCRATCH, PluginConfig, transfers
from recbole_metarec.data.dataset import DomainDataset
from recbole_metarec.errors import UserError, shown
from recbole_metarec.evaluation.groups import cold_metrics
from recbole_metarec.evaluation.ranking import RankCollector
from recbole_metarec.evaluation.report import RunResult, write_json
from recbole_metarec.idle import warn_of_idle
from recbole_metarec.peak import peak_megabytes, reset_peak
from recbole_metarec.sizes import ParameterBudget, within_memory


def run(settings: Mapping[str, Any]) -> list[RunResult]:
    """Check settings, train, and compare a model that transfers with the same model trained from scratch.

    Parameters
    ----------
    settings : mapping
        ``model``, and any key of the property files.

    Returns
    -------
    list of RunResult
        The run; behind it its control, if there is one. With ``result_file`` they are written there, too.

    Raises
    ------
    UserError
        If a setting or a dataset is wrong.
    """
    model = settings.get("model")
    if not isinstance(model, str) or not model:
        raise UserError([f"{shown('model', model)}: must be the name of a model; write --model=MetaRec"])
    defaults = default_settings(model, settings)
    settings = {"dataset": defaults["dataset"], **settings}
    problems = find_problems(settings)
    if problems:
        raise UserError(problems)
    warn_of_idle([model], settings)
    effective = effective_settings(model, settings)
    runs = [run_one(settings)]
    if model in MODELS and transfers(effective) and effective["scratch_control"]:
        runs.append(run_one({**settings, **SCRATCH[model]}))
    if effective["result_file"]:
        write_json(Path(effective["result_file"]), runs, effective["bootstrap_samples"])
    return runs


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
    with _wandb_run(config), within_memory(config), _progress(config, curve) as (show, after_epoch):
        trainer, train_data, valid_data, test_data = prepare(config)
        _, valid = trainer.fit(train_data, valid_data, show_progress=show, callback_fn=after_epoch)
        test = trainer.evaluate(test_data, show_progress=show)
    getLogger().info(f"best valid: {valid}, test result: {test}")
    result = _result(config, trainer, valid or {}, test, log, time.perf_counter() - start)
    return replace(result, cold=cold_metrics(result, train_data._dataset, test_data._dataset), curve=curve)


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
            if config["model"] in MODELS:
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
    special = hasattr(recbole.data.dataset, f"{config['model']}Dataset")
    ours = config["MODEL_TYPE"] == ModelType.SEQUENTIAL and not special
    try:
        dataset = DomainDataset(config) if ours else create_dataset(config)
        if config["train_users"] < 1 and not isinstance(dataset, DomainDataset):
            raise UserError([f"--train_users={config['train_users']}: {config['model']} cannot; leave it out"])
        getLogger().info(dataset)
        return data_preparation(config, dataset)
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
    variant = _variant(config)
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


def _variant(config: PluginConfig) -> str | None:
    if config["model"] not in MODELS:
        return None
    return "transfer" if transfers(config) else "scratch"


def _result(
    config: PluginConfig,
    trainer: Any,
    valid: Mapping[str, Any],
    test: Mapping[str, Any],
    log: str | None,
    seconds: float,
) -> RunResult:
    usage = trainer.model.codebook_usage() if config["model"] == "MetaRec" else None
    ranks = trainer.eval_collector.ranks
    return RunResult(
        model=config["model"],
        variant=_variant(config),
        dataset=config["dataset"],
        source_datasets=list(config["source_datasets"] or []) if config["model"] in MODELS else [],
        seed=config["seed"],
        mask_history=bool(config["mask_history"]),
        valid={name.lower(): float(value) for name, value in valid.items()},
        test={name.lower(): float(value) for name, value in test.items()},
        source_weights=getattr(trainer, "source_weights", None),
        seconds=round(seconds, 2),
        epochs=len(trainer.train_loss_dict),
        codebook=usage._asdict() if usage else None,
        memory_weight=getattr(trainer.model, "memory_weight", None),
        weight_history=list(getattr(trainer, "weight_history", [])),
        peak_memory=round(peak_megabytes(), 1),
        n_users=0 if ranks is None else len(ranks),
        checkpoint=str(trainer.saved_model_file) if Path(trainer.saved_model_file).exists() else None,
        log=log,
        ranks=ranks,
    )
