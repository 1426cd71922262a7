"""Checks of a pre-trained core before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recbole_metarec.errors import UserError
from recbole_metarec.models.ant.settings import CORE_KEYS, ANTSettings
from recbole_metarec.training.form import SUFFIX


def core_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Check that the core that settings name is there, and fits them.

    Parameters
    ----------
    settings : mapping
        All settings of a run.

    Yields
    ------
    str
        One line for each problem.
    """
    path, adapt, beginning = settings["pretrained"], settings["adapt"], settings["init_from"]
    if path and beginning:
        yield f"--pretrained={path}: has no part beside --init_from={beginning}; leave one of them out"
    elif path and adapt == "scratch":
        yield f"--pretrained={path}: has no part in --adapt=scratch; leave one of them out"
    elif path and not Path(path).is_file():
        yield f"--pretrained={path}: no such file; a core is written beside the checkpoints as *-core{SUFFIX}"
    elif adapt in ("finetune", "frozen") and not path and not beginning and not settings["source_datasets"]:
        yield f"--adapt={adapt}: there is nothing to adapt; name source_datasets or a file as pretrained"
    elif path:
        from recbole_metarec.models.ant.core_file import load_core

        try:
            load_core(Path(path), ANTSettings.of({key: settings[key] for key in ("adapt", *CORE_KEYS)}))
        except UserError as error:
            yield from error.problems
