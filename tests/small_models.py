"""Small models of every kind, and the domains that they are trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planted
import timed

import recbole_metarec as rm
from recbole_metarec.runs.result import RunResult

COMMON = ("dataset", "source_datasets", "gpu_id", "show_progress", "state", "seed")
SMALL = {
    "MetaRec": {"hidden_size": 16, "inner_size": 16, "n_layers": 1, "epochs": 2, "warmup_epochs": 1, "meta_epochs": 1},
    "ANT": {"hidden_size": 8, "n_layers": 1, "inner_size": 8, "epochs": 2},
}
SPLITS: dict[str, Any] = {"leave one out": {"LS": "valid_and_test"}, "time": {"time": [0.7, 0.85]}}
CLOCK = {"memory_weight": "auto", "dataset": "target", "source_datasets": ["source"], "evidence_rows": 200}
ALONE = {"scratch_control": False}
FEATURES = {"text_size": 8, "n_experts": 2, "max_bad_features": 0.2}
RUNS: dict[str, dict[str, Any]] = {
    "MetaRec without clock": {"source_datasets": planted.FRIENDLY[:1]},
    "MetaRec, masked": {**ALONE, "mask_history": True, "backbone": "gru", "repeat_items": True},
    "MetaRec with clock": {**CLOCK, "known_items": True},
    "MetaRec with clock, by time": {**ALONE, **CLOCK, "known_items": True, "mask_history": True, "split": "time"},
    "Evidence by time, frozen": {**ALONE, **CLOCK, "model": "Evidence", "split": "time", "evidence_frozen": True},
    "Evidence": {**ALONE, **CLOCK, "model": "Evidence", "MAX_ITEM_LIST_LENGTH": 4, "shared_items": "evidence"},
    "Memory": {"model": "Memory", "MAX_ITEM_LIST_LENGTH": 5},
    "MetaRec with features": {
        **ALONE,
        "dataset": planted.FEATURED_TARGET,
        "source_datasets": [],
        "item_features": True,
        "codebook_size": 8,
        **FEATURES,
    },
    "ANT": {**ALONE, **FEATURES, "model": "ANT", "dataset": planted.FEATURED_TARGET, "source_datasets": []},
}


def write_domains(root: Path) -> None:
    """Write what the models are trained on."""
    for seed, name in enumerate(("target", "source")):
        timed.write(root, timed.draw_lines(seed, n_users=80), name=name)
    planted.write_suite(root, target_users=24, source_users=30)
    planted.write_featured_suite(root, target_users=40, source_users=20)


def train(root: Path, changes: dict[str, Any]) -> list[RunResult]:
    """Train one of `RUNS`, and its controls."""
    model, planted_settings = changes.get("model", "MetaRec"), planted.settings(root)
    settings = {"model": model, "data_path": str(root), "checkpoint_dir": str(root / "saved")}
    settings |= {key: planted_settings[key] for key in COMMON} | SMALL.get(model, {})
    settings |= {key: value for key, value in changes.items() if key != "split"}
    if "text_size" in settings:
        settings["feature_cache"] = str(root / "features")
    split = SPLITS[changes.get("split", "leave one out")]
    return rm.run({**settings, "eval_args": {"split": split, "order": "TO", "mode": "full"}})
