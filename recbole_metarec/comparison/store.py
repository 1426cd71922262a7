"""Finished runs of comparisons on disk: one file each, named by all that decides it, never computed twice."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from recbole.utils.argument_list import evaluation_arguments

from recbole_metarec import __version__
from recbole_metarec.checks import effective_settings
from recbole_metarec.comparison.entries import OWN_KEYS
from recbole_metarec.config import MODELS, properties_folder, read_properties
from recbole_metarec.evaluation.ranking import Ranks
from recbole_metarec.evaluation.report import RunResult
from recbole_metarec.files import domain_files, known_checksum, write_text

# Settings that change where files lie, how fast a run is and what is shown, but no result.
_SILENT = (
    *("data_path", "checkpoint_dir", "show_progress", "state", "gpu_id", "feature_cache", "worker"),
    "allow_pickle",
    *("log_wandb", "wandb_project", "bootstrap_samples", *OWN_KEYS),
)
# Of the keys that this package adds for all models, those that RecBole's models heed, too.
_HEEDED = ("dataset", "mask_history", "train_users", *evaluation_arguments)
# Settings that name files, which decide by what is in them.
_FILES = ("pretrained", "image_weights")


def run_file(folder: Path, label: str, settings: Mapping[str, Any]) -> Path:
    """Return the file of a run.

    Parameters
    ----------
    folder : Path
        Of the comparison's runs.
    label : str
        Of the entry.
    settings : mapping
        All that the user and the entry set, the seed among them.

    Returns
    -------
    Path
        Another one for other settings, other content of the domains' files and another version of this package.
    """
    settings = effective_settings(settings["model"], settings)
    decisive = {key: value for key, value in settings.items() if key not in _ignored(settings["model"])}
    domains = [settings["dataset"], *(decisive.get("source_datasets") or [])]
    files = [file for name in domains for file in domain_files(Path(settings["data_path"]) / name, name)]
    files += [Path(settings[key]) for key in _FILES if decisive.pop(key, None)]
    content = [(file.name, known_checksum(file)) for file in files]
    decided_by = json.dumps([decisive, content, __version__], sort_keys=True, default=str)
    name = f"{label.replace(':', '-')}-{settings['dataset']}-{settings['seed']}"
    return folder / f"{name}-{hashlib.sha256(decided_by.encode()).hexdigest()[:10]}.json"


def save_run(path: Path, run: RunResult) -> None:
    """Write a run with its ranks, whole or not at all."""
    packed = None if run.ranks is None else pack_ranks(run.ranks)
    write_text(path, [json.dumps({**run.to_json(), "ranks": packed}, indent=1)])


def load_run(path: Path) -> RunResult | None:
    """Read a run.

    Parameters
    ----------
    path : Path
        A file that `save_run` wrote.

    Returns
    -------
    RunResult, or None
        ``None`` if the run was never finished.

    Raises
    ------
    Damaged
        If the file is not what `save_run` writes.
    """
    try:
        stored = json.loads(path.read_bytes())
        packed = stored.pop("ranks")
        ranks = None if packed is None else unpack_ranks(packed)
        kinds = {key: kind for key, kind in get_type_hints(RunResult).items() if key != "ranks"}
        as_written = stored.keys() == kinds.keys() and all(_is_a(kinds[key], value) for key, value in stored.items())
        if not as_written or (ranks is not None and len(ranks) != stored["n_users"]):
            raise Damaged(path)
        return RunResult(**stored, ranks=ranks)
    except FileNotFoundError:
        return None
    # no JSON or text, other keys, none at all, no packed ranks
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error, RecursionError, OSError) as error:
        raise Damaged(path) from error


class Damaged(ValueError):
    """The file of a stored run is not what was written."""


def _is_a(kind: Any, value: Any) -> bool:
    """Whether a value from JSON is of the kind that an annotation names."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_is_a(each, value) for each in inner)
    if origin is list:
        return isinstance(value, list) and all(_is_a(inner[0], each) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is_a(inner[1], each) for each in value.values())
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def pack_ranks(ranks: Ranks, kind: str = "<i4") -> str:
    """Write ranks as text, compressed; ``kind`` is numpy's name of integers that hold them."""
    return base64.b64encode(zlib.compress(ranks.astype(kind).tobytes(), 9)).decode()


def unpack_ranks(text: str, kind: str = "<i4") -> Ranks:
    """Read what `pack_ranks` wrote."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind).astype(np.int64)


@cache
def _ignored(model: str) -> frozenset[str]:
    """Keys without a part in the results of a model."""
    ours = read_properties(properties_folder() / "overall.yaml").keys() if model not in MODELS else ()
    return frozenset(_SILENT) | (frozenset(ours) - frozenset(_HEEDED))
