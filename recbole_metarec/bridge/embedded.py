"""Domains that RecBole's wheel holds, made when a run begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_metarec.domains import movielens


def make_embedded(settings: Mapping[str, Any]) -> None:
    """Make the embedded domains if a run needs one that is not there yet.

    Parameters
    ----------
    settings : mapping
        All settings of the run.
    """
    names = [settings["dataset"], *(settings["source_datasets"] or ())]
    movielens.make_missing(Path(settings["data_path"]), names)
