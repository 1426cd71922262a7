"""Everything of a run before it trains: its configuration, the target loaded and split, the model and its trainer."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from logging import getLogger
from typing import Any

import recbole.data.dataset
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed

from recbole_metarec.bridge.collector import RankCollector
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.item_features import prepare_features
from recbole_metarec.bridge.loading import takes_domains
from recbole_metarec.bridge.sizes import ParameterBudget, within_memory
from recbole_metarec.errors import UserError
from recbole_metarec.training import world
from recbole_metarec.training.environment import asked, own_gpu

# How processes that do not speak for all are set.
_OF_OTHERS = {
    "show_progress": False,
    "state": "CRITICAL",
    "log_wandb": False,
    "save_dataset": False,
    "save_dataloaders": False,
}


def configure(settings: Mapping[str, Any]) -> PluginConfig:
    """Make RecBole's configuration of a run.

    Parameters
    ----------
    settings : mapping
        ``model`` and ``dataset``, and what else the user set.

    Returns
    -------
    PluginConfig

    Raises
    ------
    UserError
        If RecBole refuses it.
    """
    if asked() > 1:
        settings = {**settings, "gpu_id": own_gpu(settings.get("gpu_id", "0"))}
    if not world.is_first():
        settings = {**settings, **_OF_OTHERS}
    try:
        return PluginConfig(settings["model"], settings["dataset"], settings)
    except (ValueError, TypeError, KeyError, NotImplementedError, RuntimeError) as error:
        raise UserError([f"RecBole refuses the configuration: {error}"]) from error


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
    with world.first_before_others():  # who find in the cache what it has computed
        prepare_features(config, train_data._dataset)
    init_seed(config["seed"], config["reproducibility"])
    model = _build(config, train_data._dataset)
    getLogger().info(model)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    trainer.eval_collector = RankCollector(config)
    return trainer, train_data, valid_data, test_data


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
