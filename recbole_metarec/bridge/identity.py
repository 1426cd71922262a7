"""What a run is: the settings on which its results hang, the content of its files, the version of this package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recbole_metarec import __version__
from recbole_metarec.configuration.rules import settings_of
from recbole_metarec.files import fingerprint, known_checksum
from recbole_metarec.models import SPECS
from recbole_metarec.settings.base import deciding
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.settings.features import AdapterSettings, FeatureSettings

# RecBole's settings that change where files lie, how fast a run is and what is shown, but no result.
_SILENT = ("data_path", "checkpoint_dir", "show_progress", "state", "gpu_id", "worker", "log_wandb", "wandb_project")
# Of the keys that this package adds for all models, those that its own models alone read.
_OF_OURS = {*AdapterSettings.model_fields, *FeatureSettings.model_fields, *EvidenceSettings.model_fields}
_OF_OURS |= {"source_datasets"}
# How long and how fast a run learns: what one that goes on from a state that its user names may set anew.
_OF_PACE = (
    *("epochs", "stopping_step", "learning_rate", "learning_rate_decay", "inner_learning_rate", "clip_grad_norm"),
    *("inner_rate_learning_rate", "pretrain_learning_rate_decay", "weight_decay", "max_bad_batches"),
)


def decisive(model: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a run's settings on which its results hang.

    Parameters
    ----------
    model : str
        Its name.
    values : mapping
        All settings.

    Returns
    -------
    dict
    """
    silent = {*_SILENT, *(key for each in settings_of(model) for key in deciding(each, "nothing"))}
    silent |= set() if model in SPECS else _OF_OURS
    return {key: value for key, value in values.items() if key not in silent}


def digest(model: str, values: Mapping[str, Any]) -> str:
    """Name a run by all that decides it.

    Parameters
    ----------
    model : str
        Its name.
    values : mapping
        All settings.

    Returns
    -------
    str
        Ten hexadecimal digits: others for other settings, other content of the domains' files and another version of
        this package.
    """
    deciding_settings = decisive(model, values)
    domains = [values["dataset"], *(deciding_settings.get("source_datasets") or [])]
    content = [pair for files in fingerprint(Path(values["data_path"]), domains).values() for pair in files.items()]
    by_content = {key for each in settings_of(model) for key in deciding(each, "content")}
    named = [Path(name) for key in sorted(by_content) if (name := deciding_settings.pop(key, None))]
    content += [(file.name, known_checksum(file)) for file in named]
    decided_by = json.dumps([deciding_settings, content, __version__], sort_keys=True, default=str)
    return hashlib.sha256(decided_by.encode()).hexdigest()[:10]


def differences(model: str, before: Mapping[str, Any], now: Mapping[str, Any], pace: bool) -> Iterator[str]:
    """List the settings on which results hang and which are others.

    Parameters
    ----------
    model : str
        Name of both runs' model.
    before, now : mapping
        All settings; those that one of them lacks are passed over.
    pace : bool
        Whether to list those alone that say how long and how fast a run learns, or the others alone.

    Yields
    ------
    str
        As in ``hidden_size=64, not 32``.
    """
    for key, value in decisive(model, now).items():
        if key in before and before[key] != value and (key in _OF_PACE) == pace:
            yield f"{key}={before[key]}, not {value}"


def changed_files(before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> list[str]:
    """List the files of domains, by name, whose checksums are others, or which only one of two runs has.

    Parameters
    ----------
    before, now : mapping of str to mapping of str to str
        See `recbole_metarec.files.fingerprint`.

    Returns
    -------
    list of str
    """
    pairs = [{pair for files in each.values() for pair in files.items()} for each in (before, now)]
    return sorted({name for name, _ in pairs[0] ^ pairs[1]})
