"""Run a model, compare it with its control, load it again: the functions behind the command line."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any

import recbole.data.dataset
import recbole.trainer.trainer
import yaml
from recbole.data import create_dataset, data_preparation
from recbole.utils import ModelType, get_model, get_trainer, init_logger, init_seed
from tqdm import tqdm

from recbole_metarec.checks import default_settings, find_problems
from recbole_metarec.config import MODELS, PluginConfig, yaml_loader
from recbole_metarec.data.dataset import DomainDataset
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.ranking import RankCollector
from recbole_metarec.evaluation.report import RunResult, render, write_json

USAGE = """\
usage: python run_recbole_metarec.py --model=NAME [--dataset=TARGET] [--source_datasets=A,B,C] [--key=value ...]

  --model=MetaRec           a model of this package, or any sequential or general model of RecBole
  --dataset=NAME            the target domain (default: a genre of ml-100k, made on first use)
  --source_datasets=A,B     the source domains; [] trains from scratch
  --data_path=dataset/      folder that holds each domain as NAME/NAME.inter
  --config_files=a.yaml,b.yaml
  --result_file=x.json      also write the results as JSON
  --mask_history=True       earlier items of a user are no candidates
  --scratch_control=False   leave out the control that trains from scratch

All other keys: properties/overall.yaml, properties/model/MetaRec.yaml, and RecBole's own.
"""


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Turn ``--key=value`` arguments and the property files that they name into settings.

    Parameters
    ----------
    arguments : sequence of str
        Values are read as YAML; ``None`` is nothing, as in RecBole.

    Returns
    -------
    dict
        Command line above ``--config_files``.

    Raises
    ------
    UserError
        If an argument is not ``--key=value``, a key stands there twice, or a file cannot be read.
    """
    given: dict[str, Any] = {}
    problems = []
    for argument in arguments:
        key, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not equals or not key:
            problems.append(f"{argument}: write --key=value")
        elif key in given:
            problems.append(f"--{key}: stands there twice; write it once")
        else:
            try:
                given[key] = _parse_value(key, value)
            except yaml.YAMLError:
                problems.append(f"--{key}={value}: is no YAML value; put quotes around it")
    settings: dict[str, Any] = {}
    for file in given.pop("config_files", None) or []:
        try:
            settings.update(_read_settings(Path(file)))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return {**settings, **given}


# Keys whose lists may be written without brackets.
_LISTS = ("source_datasets", "config_files", "metrics")


def _parse_value(key: str, value: str) -> Any:
    if value in ("", "None"):
        return None if value else ""
    parsed = yaml.load(value, Loader=yaml_loader())
    if key in _LISTS and isinstance(parsed, str):
        return [name for name in parsed.replace(",", " ").split() if name]
    return parsed


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml_loader())
    except OSError as error:
        raise UserError([f"--config_files: {path}: {error.strerror}"]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError([f"--config_files: {path}: is no YAML: {' '.join(str(error).split())}"]) from None
    if not isinstance(content, dict):
        raise UserError([f"--config_files: {path}: must hold lines of key: value"])
    return content


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
    if not settings.get("model"):
        raise UserError(["--model: is missing; write --model=MetaRec"])
    model = settings["model"]
    defaults = default_settings(model, settings)
    settings = {"dataset": defaults["dataset"], **settings}
    problems = find_problems(settings)
    if problems:
        raise UserError(problems)
    effective = {**default_settings(model, settings), **settings}
    runs = [run_one(settings)]
    if model in MODELS and effective["source_datasets"] and effective["scratch_control"]:
        runs.append(run_one({**settings, "source_datasets": []}))
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
    config = _configure(settings)
    log = _open_log(config)
    init_seed(config["seed"], config["reproducibility"])
    train_data, valid_data, test_data = _load(config)
    init_seed(config["seed"], config["reproducibility"])
    model = get_model(config["model"])(config, train_data._dataset).to(config["device"])
    getLogger().info(model)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    trainer.eval_collector = RankCollector(config)
    with _progress(config) as (show, after_epoch):
        _, valid = trainer.fit(train_data, valid_data, show_progress=show, callback_fn=after_epoch)
        test = trainer.evaluate(test_data, show_progress=show)
    getLogger().info(f"best valid: {valid}, test result: {test}")
    return _result(config, trainer, valid or {}, test, log, time.perf_counter() - start)


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
        getLogger().info(dataset)
        return data_preparation(config, dataset)
    except (ValueError, NotImplementedError) as error:
        raise UserError([f"RecBole refuses the data of {config['dataset']}: {error}"]) from error


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
def _progress(config: PluginConfig) -> Iterator[tuple[bool, Any]]:
    """Show one bar over the epochs; RecBole's bars within an epoch vanish when they are full."""
    show = bool(config["show_progress"])
    stock, best = recbole.trainer.trainer.tqdm, float("-inf")
    variant = _variant(config)
    label = f"{config['model']} {variant or ''}".strip()
    recbole.trainer.trainer.tqdm = partial(stock, leave=False, delay=2)
    with tqdm(total=config["epochs"], desc=label, unit="epoch", disable=not show) as bar:

        def after_epoch(epoch: int, score: float) -> None:
            nonlocal best
            best = max(best, score)
            bar.set_postfix_str(f"{config['valid_metric']} {score:.4f}, best {best:.4f}")
            bar.update(epoch + 1 - bar.n)

        try:
            yield show, after_epoch
        finally:
            recbole.trainer.trainer.tqdm = stock


def _variant(config: PluginConfig) -> str | None:
    if config["model"] not in MODELS:
        return None
    return "transfer" if config["source_datasets"] else "scratch"


def _result(
    config: PluginConfig,
    trainer: Any,
    valid: Mapping[str, Any],
    test: Mapping[str, Any],
    log: str | None,
    seconds: float,
) -> RunResult:
    history = getattr(trainer, "weight_history", [])
    weights = {name: sum(epoch[name] for epoch in history) / len(history) for name in history[0]} if history else None
    usage = trainer.model.codebook_usage() if config["model"] in MODELS else None
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
        source_weights=weights,
        seconds=round(seconds, 2),
        epochs=len(trainer.train_loss_dict),
        codebook=usage._asdict() if usage else None,
        n_users=0 if ranks is None else len(ranks),
        checkpoint=str(trainer.saved_model_file) if Path(trainer.saved_model_file).exists() else None,
        log=log,
        ranks=ranks,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        Exit status: 0, 2 for a user's mistake, 130 after an interrupt.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0 if arguments else 2
    try:
        settings = parse_arguments(arguments)
        runs = run(settings)
    except UserError as error:
        print(*(f"error: {problem}" for problem in error.problems), sep="\n", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    samples = default_settings(runs[0].model, settings)["bootstrap_samples"]
    print(render(runs, settings.get("bootstrap_samples", samples)))
    if settings.get("result_file"):
        print(f"\nresults: {settings['result_file']}")
    return 0
