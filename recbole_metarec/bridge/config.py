"""RecBole's configuration of a run, from this package's property layers, and as plain values."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from recbole.config import Config

from recbole_metarec.configuration import columns
from recbole_metarec.configuration.layers import property_layers, transfers
from recbole_metarec.configuration.properties import properties_folder, read_properties
from recbole_metarec.models import SPECS
from recbole_metarec.settings.base import Settings

S = TypeVar("S", bound=Settings)


def variant_of(config: Config) -> str | None:
    """Tell ``transfer`` from ``scratch``; ``None`` for models that cannot transfer."""
    spec = SPECS.get(config["model"])
    if spec is None or spec.scratch is None:
        return None
    return "transfer" if transfers(config["model"], config) else "scratch"


# Keys of a dataset's properties that speak of a suite, not of the domain itself.
_SUITE_KEYS = ("source_datasets",)


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
