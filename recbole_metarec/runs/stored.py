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

FORMAT = 2
"""Number of the format; files without one, of the format before, are read, too."""
_SINCE_2 = ("other_ranks", "valid_other_ranks", "preset")


def save_run(path: Path, run: RunResult) -> None:
    """Write a run with its targets and their ranks, whole or not at all."""
    rows = {**_pack_rows(run, ""), **_pack_rows(run, "valid_")}
    write_text(path, [json.dumps({"format": FORMAT, **run.to_plain(), **rows}, indent=1)])


def _pack_rows(run: RunResult, split: str) -> dict[str, Any]:
    targets: Targets | None = getattr(run, f"{split}targets")
    ranks = {name: getattr(run, name) for name in (f"{split}ranks", f"{split}other_ranks")}
    return {
        f"{split}targets": None if targets is None else [_pack(json.dumps(list(names)).encode()) for names in targets],
        **{name: None if of_rows is None else pack_ranks(of_rows) for name, of_rows in ranks.items()},
    }


def _unpack_rows(stored: dict[str, Any], split: str) -> dict[str, Any]:
    """Take targets and ranks out of what was read; one without the other, or of other lengths, are none."""
    packed, ranks, other = (stored.pop(f"{split}{name}") for name in ("targets", "ranks", "other_ranks"))
    if packed is None and ranks is None and other is None:
        return {}
    users, items = (np.array(json.loads(_unpack(names)), dtype=object) for names in packed)
    found, otherwise = unpack_ranks(ranks), None if other is None else unpack_ranks(other)
    lengths = {len(each) for each in (users, items, found, found if otherwise is None else otherwise)}
    if len(lengths) > 1:
        raise ValueError(f"users, items and ranks of {sorted(lengths)} rows")
    return {f"{split}targets": Targets(users, items), f"{split}ranks": found, f"{split}other_ranks": otherwise}


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
        if not stored.keys() & {"format", *_SINCE_2}:
            stored |= {"format": FORMAT, **dict.fromkeys(_SINCE_2)}
        if stored.pop("format") != FORMAT:
            raise Damaged(f"{path}: is of another format")
        rows = {**_unpack_rows(stored, ""), **_unpack_rows(stored, "valid_")}
        if stored["memory_weight"] == "inf":
            stored["memory_weight"] = math.inf
        kinds = {key: kind for key, kind in get_type_hints(RunResult).items() if key not in ARRAYS}
        as_written = stored.keys() == kinds.keys() and all(_is_a(kinds[key], value) for key, value in stored.items())
        if not as_written or len(rows["targets"].users if "targets" in rows else ()) != stored["n_targets"]:
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
