"""Values on the command line, by the key that they are written for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recbole_metarec.settings.base import Settings, kind_of
from recbole_metarec.settings.reading import read_as

SEPARATORS = ("field_separator", "seq_separator")
# RecBole's and the command's own keys that are taken to the letter: numbers of GPUs and intervals look like others.
_TO_THE_LETTER = {
    *("model", "data_path", "checkpoint_dir", "gpu_id", "encoding", *SEPARATORS),
    *(f"{counted}_num_interval" for counted in ("user_inter", "item_inter", "entity_kg", "relation_kg")),
}
_FILES = ("config_files", "report")  # whose names may have blanks


def read_value(key: str, text: str) -> Any:
    """Read the value of a key; see `read_as`.

    Parameters
    ----------
    key : str
        For one model alone as ``SASRec.epochs``.
    text : str
        As it was written.

    Returns
    -------
    Any

    Raises
    ------
    ValueError
        If it is no YAML.
    """
    key = key.rpartition(".")[2]
    if key in SEPARATORS and text == "~":
        return text
    return read_as(_kind(key), text, split_at_blanks=key not in _FILES)


def _kind(key: str) -> Any:
    if key in _FILES:
        return str | Sequence[str]
    if key in _TO_THE_LETTER:
        return str
    from recbole_metarec.models import SPECS
    from recbole_metarec.settings.shared import SharedSettings

    classes: list[type[Settings]] = [SharedSettings, *(spec.settings for spec in SPECS.values())]
    for settings in classes:
        if key in settings.model_fields:
            return kind_of(settings, key)
    return object
