"""Finished runs of comparisons on disk: one file each, named by all that decides it, never computed twice."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from recbole.utils.argument_list import evaluation_arguments

from recbole_metarec import __version__
from recbole_metarec.checks import effective_settings
from recbole_metarec.comparison.entries import OWN_KEYS
from recbole_metarec.config import MODELS, properties_folder, read_properties
from recbole_metarec.evaluation.result import RunResult
from recbole_metarec.evaluation.targets import Ranks, Targets
from recbole_metarec.files import checksum, write_text

# Settings that change where files lie, how fast a run is and what is shown, but no result.
_SILENT = (
    *("data_path", "checkpoint_dir", "show_progress", "state", "gpu_id", "feature_cache", "worker"),
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
    files = [file for name in domains for file in _files(Path(settings["data_path"]), name)]
    files += [Path(settings[key]) for key in _FILES if decisive.pop(key, None)]
    content = [(file.name, _checksum(file)) for file in files]
    decided_by = json.dumps([decisive, content, __version__], sort_keys=True, default=str)
    name = f"{label.replace(':', '-')}-{settings['dataset']}-{settings['seed']}"
    return folder / f"{name}-{hashlib.sha256(decided_by.encode()).hexdigest()[:10]}.json"


def save_run(path: Path, run: RunResult) -> None:
    """Write a run with its targets and their ranks, whole or not at all."""
    packed: dict[str, Any] = {}
    for split in ("", "valid_"):
        targets, ranks = getattr(run, f"{split}targets"), getattr(run, f"{split}ranks")
        packed[f"{split}targets"] = None if targets is None else [_pack(list(names)) for names in targets]
        packed[f"{split}ranks"] = None if ranks is None else pack_ranks(ranks)
    write_text(path, [json.dumps({**run.to_json(), **packed}, indent=1)])


def load_run(path: Path) -> RunResult | None:
    """Read a run; ``None`` if it was never finished."""
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    for split in ("", "valid_"):
        targets, ranks = stored[f"{split}targets"], stored[f"{split}ranks"]
        if targets is not None:
            stored[f"{split}targets"] = Targets(*(np.array(_unpack(names), dtype=object) for names in targets))
        if ranks is not None:
            stored[f"{split}ranks"] = unpack_ranks(ranks)
    if stored["memory_weight"] is not None:
        stored["memory_weight"] = float(stored["memory_weight"])
    return RunResult(**stored)


def _pack(names: list[str]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(names).encode(), 9)).decode()


def _unpack(text: str) -> list[str]:
    names: list[str] = json.loads(zlib.decompress(base64.b64decode(text)))
    return names


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


def _files(data_path: Path, name: str) -> list[Path]:
    """Files of a domain, but for the card that tells how they were made."""
    return [file for file in sorted((data_path / name).glob(f"{name}.*")) if file.is_file() and file.suffix != ".json"]


def _checksum(path: Path) -> str:
    facts = path.stat()
    return _checksum_of(path.absolute(), facts.st_size, facts.st_mtime_ns)


@cache
def _checksum_of(path: Path, size: int, modified: int) -> str:
    """Read a file once, as long as it does not change."""
    return checksum(path)
