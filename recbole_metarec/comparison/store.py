"""Finished runs of comparisons on disk: one file each, named by all that decides it, never computed twice."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from recbole_metarec import __version__
from recbole_metarec.bridge.config import Resolved
from recbole_metarec.bridge.rules import settings_of
from recbole_metarec.evaluation.targets import Ranks, Targets
from recbole_metarec.files import fingerprint, known_checksum, write_text
from recbole_metarec.runs.result import ARRAYS, DIAGNOSTICS, RunResult
from recbole_metarec.settings.base import deciding
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.settings.features import AdapterSettings, FeatureSettings

# RecBole's settings that change where files lie, how fast a run is and what is shown, but no result.
_SILENT = ("data_path", "checkpoint_dir", "show_progress", "state", "gpu_id", "worker", "log_wandb", "wandb_project")
# Of the keys that this package adds for all models, those that its own models alone read.
_OF_OURS = {*AdapterSettings.model_fields, *FeatureSettings.model_fields, *EvidenceSettings.model_fields}
_OF_OURS |= {"source_datasets"}


def run_file(folder: Path, label: str, resolved: Resolved) -> Path:
    """Return the file of a run.

    Parameters
    ----------
    folder : Path
        Of the comparison's runs.
    label : str
        Of the entry.
    resolved : Resolved
        Settings of the run, the seed among them.

    Returns
    -------
    Path
        Another one for other settings, other content of the domains' files and another version of this package.
    """
    classes = [*settings_of(resolved.model)]
    silent = {*_SILENT, *(key for each in classes for key in deciding(each, "nothing"))}
    silent |= set() if resolved.spec else _OF_OURS
    decisive = {key: value for key, value in resolved.values.items() if key not in silent}
    domains = [resolved["dataset"], *(decisive.get("source_datasets") or [])]
    content = [pair for files in fingerprint(Path(resolved["data_path"]), domains).values() for pair in files.items()]
    by_content = {key for each in classes for key in deciding(each, "content")}
    named = [Path(name) for key in sorted(by_content) if (name := decisive.pop(key, None))]
    content += [(file.name, known_checksum(file)) for file in named]
    decided_by = json.dumps([decisive, content, __version__], sort_keys=True, default=str)
    name = f"{label.replace(':', '-')}-{resolved['dataset']}-{resolved['seed']}"
    return folder / f"{name}-{hashlib.sha256(decided_by.encode()).hexdigest()[:10]}.json"


def save_run(path: Path, run: RunResult) -> None:
    """Write a run with its targets and their ranks, whole or not at all."""
    rows = {**_pack_rows("", run.targets, run.ranks), **_pack_rows("valid_", run.valid_targets, run.valid_ranks)}
    write_text(path, [json.dumps({**run.to_plain(), **rows}, indent=1)])


def _pack_rows(split: str, targets: Targets | None, ranks: Ranks | None) -> dict[str, Any]:
    return {
        f"{split}targets": None if targets is None else [_pack(json.dumps(list(names)).encode()) for names in targets],
        f"{split}ranks": None if ranks is None else pack_ranks(ranks),
    }


def _unpack_rows(stored: dict[str, Any], split: str) -> dict[str, Any]:
    """Take targets and ranks out of what was read; one without the other, or of other lengths, are none."""
    packed, ranks = stored.pop(f"{split}targets"), stored.pop(f"{split}ranks")
    if packed is None and ranks is None:
        return {f"{split}targets": None, f"{split}ranks": None}
    users, items = (np.array(json.loads(_unpack(names)), dtype=object) for names in packed)
    found = unpack_ranks(ranks)
    if not len(users) == len(items) == len(found):
        raise ValueError(f"{len(users)} users, {len(items)} items and {len(found)} ranks are no rows")
    return {f"{split}targets": Targets(users, items), f"{split}ranks": found}


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
        If the file is not what `save_run` writes, or of an older format, as the message says.
    """
    try:
        stored = json.loads(path.read_bytes())
        if stored.keys() & DIAGNOSTICS.keys():
            raise Damaged(f"{path}: is of an older format")
        rows = {**_unpack_rows(stored, ""), **_unpack_rows(stored, "valid_")}
        if stored["memory_weight"] == "inf":
            stored["memory_weight"] = math.inf
        kinds = {key: kind for key, kind in get_type_hints(RunResult).items() if key not in ARRAYS}
        as_written = stored.keys() == kinds.keys() and all(_is_a(kinds[key], value) for key, value in stored.items())
        if not as_written or len(rows["targets"].users if rows["targets"] else ()) != stored["n_targets"]:
            raise Damaged(f"{path}: is damaged")
        return RunResult(**stored, **rows)
    except Damaged:
        raise
    except FileNotFoundError:
        return None
    # no JSON or text, other keys, none at all, no packed ranks
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error, RecursionError, OSError) as error:
        raise Damaged(f"{path}: is damaged") from error


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
    if kind is Any:
        return True
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def pack_ranks(ranks: Ranks, kind: str = "<i4") -> str:
    """Write ranks as text, compressed; ``kind`` is numpy's name of integers that hold them."""
    return _pack(ranks.astype(kind).tobytes())


def unpack_ranks(text: str, kind: str = "<i4") -> Ranks:
    """Read what `pack_ranks` wrote."""
    return np.frombuffer(_unpack(text), kind).astype(np.int64)


def _pack(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode()


def _unpack(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
