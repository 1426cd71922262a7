"""Settings that do nothing for a model: keys that no code which runs for it reads."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import recbole.data.dataset
from recbole.data.dataset import Dataset
from recbole.utils import ModelType, get_model, get_trainer

from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.configuration.checks import COMMAND_KEYS
from recbole_metarec.errors import shown
from recbole_metarec.models import SPECS, can_transfer
from recbole_metarec.settings.comparison import ComparisonSettings
from recbole_metarec.settings.run import RunSettings
from recbole_metarec.settings.suite import SuiteSettings
from recbole_metarec.settings.time import TimeSettings

# Of RecBole, what runs for every model.
_FRAMEWORK = (
    *("data.dataset.dataset", "data.dataloader.abstract_dataloader", "data.dataloader.general_dataloader"),
    *("data.transform", "data.utils", "data.interaction", "sampler.sampler", "trainer.trainer", "model.layers"),
    *("evaluator.collector", "evaluator.evaluator", "evaluator.register", "evaluator.metrics", "evaluator.base_metric"),
    *("utils.utils", "utils.logger", "utils.wandblogger", "config.configurator"),
)
# Read for models that transfer, by those who plan their runs.
_OF_TRANSFER = frozenset({"scratch_control", "leave_one_out", "deliver"})
# Read before a model is chosen, or for all of them.
_ALWAYS = {*COMMAND_KEYS, *RunSettings.model_fields, *ComparisonSettings.model_fields} - _OF_TRANSFER
_ALWAYS |= {*SuiteSettings.model_fields, *TimeSettings.model_fields} - {"source_datasets"}
# Of RecBole's keys, those that this package reads, and those whose names RecBole's code puts together.
_ALWAYS |= {"encoding", "reproducibility"}
_ALWAYS |= {key for kind in ("user", "item") for key in (f"{kind}_inter_num_interval", f"alias_of_{kind}_id")}
# RecBole's code for these is inherited by this package's models, which replace it.
_REPLACED = ("train_neg_sample_args", "loss_type", "enable_amp", "enable_scaler", "shuffle", "repeatable")


def warn_of_idle(models: Iterable[str], settings: Mapping[str, Any]) -> None:
    """Name, on standard error, the settings that none of the models reads.

    Parameters
    ----------
    models : iterable of str
        Names of known models.
    settings : mapping
        What the user set.
    """
    names = sorted({*models})
    for key in idle_keys(names, settings):
        print(f"warning: {shown(key, settings[key])}: does nothing for {' or '.join(names)}", file=sys.stderr)


def idle_keys(models: Iterable[str], settings: Mapping[str, Any]) -> list[str]:
    """List the keys of ``settings`` that none of the models reads; see `warn_of_idle`."""
    return [key for key in settings if not any(_reads(model, key) for model in models)]


def _reads(model: str, key: str) -> bool:
    if key in _ALWAYS or (key in _OF_TRANSFER and can_transfer(model)):
        return True
    spec = SPECS.get(model)
    if spec is None:
        return key in _words(model)
    return key not in (*_REPLACED, *spec.unread) and (key in spec.settings.model_fields or key in _words(model))


@lru_cache
def _words(model: str) -> frozenset[str]:
    """Return all strings, as ``config["epochs"]`` has one, of the code that runs for a model."""
    kind = get_model(model)
    trainer = get_trainer(kind.type, model)
    usual = DomainDataset if kind.type == ModelType.SEQUENTIAL else Dataset
    dataset = getattr(recbole.data.dataset, f"{model}Dataset", usual)
    names = {each.__module__ for each in (*kind.__mro__, *trainer.__mro__, *dataset.__mro__)}
    names |= {f"recbole.{name}" for name in _FRAMEWORK}
    modules = [importlib.import_module(name) for name in sorted(names) if name.startswith("recbole.")]
    text = "".join(inspect.getsource(module) for module in modules if module.__file__)
    return frozenset({*re.findall(r"[\"']([\w-]+)[\"']", text), *re.findall(r"config\.(\w+)", text)})
