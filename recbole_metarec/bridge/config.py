"""Property layers: RecBole's defaults, ours, the model's, its preset's, the dataset's, then what the user says."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from recbole.config import Config

from recbole_metarec.bridge import columns
from recbole_metarec.bridge.metrics import measured
from recbole_metarec.bridge.presets import preset_layer
from recbole_metarec.bridge.properties import properties_folder, read_properties, recbole_defaults
from recbole_metarec.bridge.rules import problem_of
from recbole_metarec.models import SPECS, listed_models
from recbole_metarec.models.spec import ModelSpec
from recbole_metarec.settings.base import Settings
from recbole_metarec.settings.shared import SharedSettings

S = TypeVar("S", bound=Settings)


def transfers(model: str, settings: Any) -> bool:
    """Whether a model learns from more than the target.

    Parameters
    ----------
    model : str
        Its name.
    settings : mapping or recbole.config.Config
        All settings of a run.

    Returns
    -------
    bool
    """
    spec = SPECS.get(model)
    if spec is None:
        return False
    if spec.item_table and "init_from" in settings and settings["init_from"]:
        return True
    return spec.transfers({key: settings[key] for key in spec.settings.model_fields if key in settings})


def variant_of(config: Config) -> str | None:
    """Tell ``transfer`` from ``scratch``; ``None`` for models that cannot transfer."""
    spec = SPECS.get(config["model"])
    if spec is None or spec.scratch is None:
        return None
    return "transfer" if transfers(config["model"], config) else "scratch"


# Keys of a dataset's properties that speak of a suite, not of the domain itself.
_SUITE_KEYS = ("source_datasets",)


def property_layers(
    model: str, dataset: str, user: Mapping[str, Any], below: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Merge this package's property layers, those of a model and a dataset on top.

    Parameters
    ----------
    model, dataset : str
        Names; what has no property file adds nothing.
    user : mapping
        What the user set. It names the preset, and decides which columns are loaded and by which metric epochs are
        chosen, unless it says.
    below : mapping, optional
        RecBole's own layers.

    Returns
    -------
    dict
        Nested values are replaced whole, as RecBole does.
    """
    layers = SharedSettings.defaults()
    if model in SPECS:
        layers.update(SPECS[model].settings.defaults())
        layers.update(preset_layer(model, user.get("preset")))
    layers = copy.deepcopy(layers)
    layers.update(read_properties(properties_folder() / "dataset" / f"{dataset}.yaml"))
    settings = {**(below or {}), "load_col": None, **layers, **user}
    if "load_col" not in user:
        layers["load_col"] = columns.load_col(Path(settings.get("data_path", "dataset")), dataset, settings, user)
    layers["valid_metric"] = _measured(layers["valid_metric"], settings)
    return layers


def _measured(metric: str, settings: Mapping[str, Any]) -> str:
    """Return a metric if it is measured, else the same one at the first k, else the first that is measured."""
    names = measured(settings["metrics"], settings["topk"])
    stem = metric.partition("@")[0].lower()
    same = [name for name in names if name.partition("@")[0].lower() == stem]
    return metric if metric.lower() in map(str.lower, names) else [*same, *names][0]


@dataclass(frozen=True)
class Resolved:
    """All settings of a run, their layers merged once.

    Attributes
    ----------
    model : str
        Name of the model; empty where it is none.
    user : mapping
        What the user set.
    defaults : mapping
        Everything below it.
    """

    model: str
    user: Mapping[str, Any]
    defaults: Mapping[str, Any]

    @cached_property
    def values(self) -> dict[str, Any]:
        """Every key with the value that counts."""
        return {**self.defaults, **self.user}

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def __contains__(self, key: object) -> bool:
        return key in self.values

    @property
    def spec(self) -> ModelSpec | None:
        """The specification of the model, if it is one of this package's."""
        return SPECS.get(self.model)


def resolve(model: str, user: Mapping[str, Any]) -> Resolved:
    """Merge all layers: RecBole's defaults, ours, the model's, its preset's, the dataset's, then what the user says.

    Parameters
    ----------
    model : str
        Name of a model, known or not.
    user : mapping
        What the user set.

    Returns
    -------
    Resolved
    """
    model = model if model in known_models() else ""
    sound = {key: value for key, value in user.items() if problem_of(model, key, value) is None}
    below = recbole_defaults(model)
    layers = property_layers(model, str(sound.get("dataset")), sound, below)
    return Resolved(model, dict(user), copy.deepcopy({**below, **layers}))


def known_models() -> tuple[str, ...]:
    """Return the names of all models that run on a target's sequences: this package's and RecBole's."""
    return tuple(sorted({*listed_models(), *_models_of_recbole()}))


@lru_cache
def _models_of_recbole() -> set[str]:
    found: set[str] = set()
    for kind in ("sequential", "general"):
        package = importlib.import_module(f"recbole.model.{kind}_recommender")
        found |= {name for name, value in vars(package).items() if isinstance(value, type)}
    return found


class DeafConfig(Config):  # type: ignore[misc]
    """RecBole's Config of nothing but given settings: deaf to the command line, and nothing is evaluated.

    Parameters
    ----------
    model, dataset : str
        Names.
    settings : mapping
        What the user set, by key.
    """

    def __init__(self, model: str, dataset: str, settings: Mapping[str, Any]) -> None:
        super().__init__(model=model, dataset=dataset, config_dict=copy.deepcopy(dict(settings)))

    def _load_cmd_line(self) -> dict[str, Any]:
        return {}

    def _convert_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        return config_dict  # RecBole would eval() strings; ours are parsed as YAML


class PluginConfig(DeafConfig):
    """`DeafConfig` with this package's layers for every model."""

    def _load_internal_config_dict(self, model: str, model_class: type, dataset: str) -> None:
        super()._load_internal_config_dict(model, model_class, dataset)
        below = self.internal_config_dict
        below.update(property_layers(model, dataset, self.external_config_dict, below))
        merged = {**below, **self.external_config_dict}
        if merged.get("loss_type") == "CE":
            # RecBole's default draws negatives, which it then refuses for this loss
            below["train_neg_sample_args"] = None


# What Config derives from other keys, not to be given to it again.
_DERIVED = (
    "_checksums",
    "MODEL_TYPE",
    "MODEL_INPUT_TYPE",
    "eval_type",
    "device",
    "single_spec",
    "local_rank",
    "valid_metric_bigger",
)


def to_plain(config: Config) -> dict[str, Any]:
    """Turn a configuration into plain values that JSON and YAML can hold.

    Parameters
    ----------
    config : recbole.config.Config

    Returns
    -------
    dict
        ``model`` and ``dataset`` among the keys; `from_plain` makes the same configuration of it.
    """
    plain = {
        key: value
        for key, value in config.final_config_dict.items()
        if key not in _DERIVED and not key.endswith("_neg_sample_args")
    }
    arguments = config["train_neg_sample_args"]
    plain["train_neg_sample_args"] = None if arguments["distribution"] == "none" else arguments
    plain["data_path"] = str(data_path(config))
    return copy.deepcopy(plain)


def settings_of(config: Config, settings: type[S]) -> S:
    """Take the settings of a component out of RecBole's configuration.

    Parameters
    ----------
    config : recbole.config.Config
        Of a run.
    settings : type of Settings

    Returns
    -------
    Settings
    """
    return settings.of(to_plain(config))


def from_plain(plain: Mapping[str, Any]) -> DeafConfig:
    """Rebuild a configuration from `to_plain`'s result."""
    kind = PluginConfig if "mask_history" in plain else DeafConfig  # a key of this package's layers
    return kind(plain["model"], plain["dataset"], plain)


def data_path(config: Config) -> Path:
    """Return the folder that holds all datasets; RecBole's own ``data_path`` ends as that of the target's files."""
    layers = {**config.internal_config_dict, **config.external_config_dict}
    return Path(layers["data_path"]).absolute()


def for_domain(config: Config, name: str) -> Config:
    """Return the configuration of another domain: the same settings, its own dataset properties.

    Parameters
    ----------
    config : recbole.config.Config
        The target's configuration.
    name : str
        The domain's dataset name.

    Returns
    -------
    recbole.config.Config
        A copy; ``config`` is left as it is.
    """
    domain, user, root = copy.copy(config), config.external_config_dict, data_path(config)
    own = read_properties(properties_folder() / "dataset" / f"{name}.yaml")
    own = {key: value for key, value in own.items() if key not in (*_SUITE_KEYS, *user)}
    if "load_col" not in user:
        own["load_col"] = columns.load_col(root, name, {**config.final_config_dict, "load_col": None, **own}, user)
    domain.final_config_dict = {**config.final_config_dict, **own, "dataset": name, "data_path": str(root / name)}
    return domain
