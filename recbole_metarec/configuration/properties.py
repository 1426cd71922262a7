"""Property files: this package's and RecBole's own."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from recbole_metarec.lazy import folder_of
from recbole_metarec.settings.users_yaml import QuickLoader


def properties_folder() -> Path:
    """Folder of the property files: inside the installed package, beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "properties"
    return installed if installed.is_dir() else package.parent / "properties"


def read_properties(path: Path) -> dict[str, Any]:
    """Read a property file; a file that does not exist has no properties.

    Parameters
    ----------
    path : Path
        A YAML file.

    Returns
    -------
    dict
    """
    if not path.is_file():
        return {}
    return yaml.load(path.read_text(encoding="utf-8"), Loader=QuickLoader) or {}


@lru_cache
def recbole_defaults(model: str) -> dict[str, Any]:
    """Read RecBole's defaults for a model, not to be changed; ``""`` is none."""
    merged: dict[str, Any] = {}
    for name in ("overall", f"model/{model}", "dataset/sample", "quick_start_config/sequential"):
        merged.update(read_properties(folder_of("recbole") / "properties" / f"{name}.yaml"))
    return merged


@lru_cache
def documented_choices(model: str) -> dict[str, tuple[str, ...]]:
    """Read which names RecBole's comments list for keys of a model."""
    path = folder_of("recbole") / "properties" / "model" / f"{model}.yaml"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    # loss_type: 'CE'    # (str) The type of loss function. Range in ['BPR', 'CE'].
    found = re.findall(r"^([\w-]+): *['\"]?[A-Za-z0].*#.*[Rr]ang(?:e|ing) in \W*\[(.*?)\]", text, re.MULTILINE)
    return {key: tuple(re.findall(r"\w+", listing)) for key, listing in found}
