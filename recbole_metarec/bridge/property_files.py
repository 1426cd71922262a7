"""The files in ``properties/``, written from the classes of settings.

``python -m recbole_metarec.bridge.property_files`` writes them anew. They show RecBole's users every key where they
look for it; what counts at run time are the classes.
"""

from __future__ import annotations

import sys
import textwrap
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from recbole_metarec.models import SPECS, listed_models
from recbole_metarec.settings.base import Documented, Settings, documented, words_of
from recbole_metarec.settings.shared import SharedSettings

_WIDTH = 120

_OF_ALL = """Defaults of this package for every model that its command line runs. They lie above RecBole's own defaults
and below those of models and datasets."""
_OF_MODEL = """Defaults of {name}, above those of overall.yaml."""
_HEADER = """In brackets behind what a key does: what it may be, and where its default comes from; "Ours" is a choice of
this package. The file is written from {place}. To change a value for your runs, write --key=value on the
command line or name a YAML file of your own with --config_files."""


def property_files() -> dict[str, str]:
    """Return the text of every file, by its path below ``properties/``."""
    files = {"overall.yaml": _render(SharedSettings, _OF_ALL, "recbole_metarec/settings/", set())}
    shared = SharedSettings.defaults()
    for name in listed_models():
        settings = SPECS[name].settings
        as_shared = {key for key, value in settings.defaults().items() if key in shared and value == shared[key]}
        place = f"recbole_metarec/models/{name.lower()}/settings.py"
        files[f"model/{name}.yaml"] = _render(settings, _OF_MODEL.format(name=name), place, as_shared)
    return files


def _render(settings: type[Settings], head: str, place: str, left_out: set[str]) -> str:
    lines = _comment(f"{head} {_HEADER.format(place=place)}")
    fields = [each for each in documented(settings) if each.key not in left_out]
    for group, of_group in groupby(fields, key=lambda each: each.group):
        lines += ["", f"# {group} ".ljust(_WIDTH, "-")]
        for each in of_group:
            lines += ["", *_comment(_explained(each)), f"{each.key}: {_value(each.field.default)}"]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _explained(described: Documented) -> str:
    behind = "; ".join(filter(None, [words_of(described.field), described.source]))
    return f"{described.help} ({behind})".strip()


def _value(value: Any) -> str:
    if value is None:
        return "~"
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n").strip()


def write(folder: Path) -> None:
    """Write all files.

    Parameters
    ----------
    folder : Path
        ``properties/``.
    """
    for name, text in property_files().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "properties"))
