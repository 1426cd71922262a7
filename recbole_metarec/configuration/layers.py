"""Property layers: RecBole's defaults, ours, the model's, its preset's, the dataset's, then what the user says."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from recbole_metarec.configuration import columns
from recbole_metarec.configuration.metrics import measured
from recbole_metarec.configuration.presets import preset_layer
from recbole_metarec.configuration.properties import properties_folder, read_properties, recbole_defaults
from recbole_metarec.configuration.recbole_source import general_models, sequential_models
from recbole_metarec.configuration.rules import problem_of
from recbole_metarec.models import SPECS, listed_models
from recbole_metarec.models.spec import ModelSpec
from recbole_metarec.settings.shared import SharedSettings


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


def baseline_of(resolved: Resolved) -> str | None:
    """Return the model that shows what a run's memory finds alone; ``None`` where no memory is among what scores."""
    return resolved.spec.baseline if resolved.spec and resolved["memory_weight"] != 0 else None


def known_models() -> tuple[str, ...]:
    """Return the names of all models that run on a target's sequences: this package's and RecBole's."""
    return tuple(sorted({*listed_models(), *sequential_models(), *general_models()}))
