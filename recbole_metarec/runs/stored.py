"""Finished runs on disk: one file each, with the targets that were tested and their ranks."""

from __future__ import annotations

import base64
import json
import math
import zlib
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from recbole_metarec.evaluation.targets import Ranks, Targets
from recbole_metarec.files import write_text
from recbole_metarec.runs.result import ARRAYS, DIAGNOSTICS, RunResult


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
