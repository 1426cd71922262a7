"""Presets: settings of a model under one name, above its defaults and below all that is set besides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbole_metarec.configuration.properties import properties_folder, read_properties
from recbole_metarec.errors import shown
from recbole_metarec.models import SPECS


def preset_layer(model: str, preset: object) -> dict[str, Any]:
    """Read the settings of a preset.

    Parameters
    ----------
    model : str
        Name of a model.
    preset : object
        Name of a preset; what the model has not adds nothing, see `preset_problems`.

    Returns
    -------
    dict
    """
    file = _presets(model).get(str(preset))
    return {} if file is None else read_properties(file)


def preset_problems(model: str, preset: object) -> Iterator[str]:
    """Check that a model has a preset.

    Parameters
    ----------
    model : str
        Name of a known model.
    preset : object
        ``None`` for none.

    Yields
    ------
    str
        A line that names the presets that there are.
    """
    own, said = _presets(model), shown("preset", preset)
    if preset is None:
        return
    if preset in own:
        if not own[str(preset)].is_file():
            yield f"{said}: there is no file {own[str(preset)]}; leave it out, or put the file there"
    elif own:
        yield f"{said}: {model} has no such preset; write {' or '.join(own)}"
    else:
        yield f"{said}: {model} has no presets; leave it out; there are {_all_presets()}"


def no_preset(preset: object) -> str:
    """Say that no model of a comparison has presets."""
    return f"{shown('preset', preset)}: no model of the comparison has presets; there are {_all_presets()}"


def has_presets(model: str) -> bool:
    """Whether a model of some name, of this package or not, has any preset."""
    return bool(_presets(model))


def _presets(model: str) -> dict[str, Path]:
    presets = SPECS[model].presets if model in SPECS else {}
    return {name: properties_folder() / file for name, file in presets.items()}


def _all_presets() -> str:
    return ", ".join(f"{model}:{name}" for model in SPECS for name in _presets(model))
