"""Finished runs of comparisons on disk: one file each, named by all that decides it, never computed twice."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recbole_metarec import __version__
from recbole_metarec.comparison.entries import OWN_KEYS
from recbole_metarec.evaluation.ranking import Ranks
from recbole_metarec.evaluation.report import RunResult
from recbole_metarec.files import write_text

# Settings that change where files go and what is shown, but no result.
_SILENT = (
    *("checkpoint_dir", "show_progress", "state", "gpu_id", "feature_cache", "worker", "log_wandb", "wandb_project"),
    *("bootstrap_samples", *OWN_KEYS),
)


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
        Another one for other settings, and for another version of this package.
    """
    decisive = {key: value for key, value in settings.items() if key not in _SILENT} | {"version": __version__}
    content = json.dumps(decisive, sort_keys=True, default=str)
    name = f"{label.replace(':', '-')}-{settings['dataset']}-{settings['seed']}"
    return folder / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:10]}.json"


def save_run(path: Path, run: RunResult) -> None:
    """Write a run with its ranks, whole or not at all."""
    write_text(path, [json.dumps({**run.to_json(), "ranks": _pack(run.ranks)}, indent=1)])


def load_run(path: Path) -> RunResult | None:
    """Read a run; ``None`` if it was never finished."""
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    return RunResult(**{**stored, "ranks": _unpack(stored["ranks"])})


def _pack(ranks: Ranks | None) -> str | None:
    return None if ranks is None else base64.b64encode(zlib.compress(ranks.astype("<i4").tobytes(), 9)).decode()


def _unpack(text: str | None) -> Ranks | None:
    return None if text is None else np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i4").astype(np.int64)
