"""One run: train a model on a suite's target, test it under both protocols."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evaluation.targets import Ranks, Targets
from recbole_metarec.runs.prepare import prepare
from suites.store import Key, Outcome
from suites.trimming import EXACT, trim_padding
from suites.variants import SUITES, VARIANTS


class _CapReached(Exception):
    pass


def run(key: Key, data_path: Path, cores: Path, cap: float, threads: int) -> Outcome:
    """Train and test.

    Parameters
    ----------
    key : Key
        Which run.
    data_path : Path
        Folder of the atomic files.
    cores : Path
        Folder of pre-trained cores and of computed features; they are made where they lack.
    cap : float
        CPU seconds after which no further epoch begins.
    threads : int
        Of torch.

    Returns
    -------
    Outcome
    """
    torch.set_num_threads(threads)
    suite, variant = SUITES[key.suite], VARIANTS[key.variant]
    with tempfile.TemporaryDirectory() as folder:
        sources = list(suite.sources) if variant.transfers else []
        if variant.hostile:
            data_path, hostile = _with_hostile_source(data_path, [suite.target, *sources], Path(folder))
            sources.append(hostile)
        core = cores / (suite.borrows or key.suite) / f"{variant.core}-{key.seed}.pth"
        if variant.core and suite.borrows and not core.exists():
            raise SystemExit(f"{core}: is not there; run {key._replace(suite=suite.borrows)} first")
        settings = {
            **variant.settings,
            "feature_cache": str(cores / "features"),
            **({"pretrained": str(core)} if variant.core and core.exists() else {}),
            "data_path": str(data_path),
            "source_datasets": sources,
            "train_users": key.users,
            "seed": key.seed,
            "checkpoint_dir": folder,
            "epochs": 300,
            "stopping_step": 10,
            "topk": [10],
            "metrics": ["NDCG", "Recall"],
            "gpu_id": "",
            "state": "ERROR",
            "show_progress": False,
        }
        outcome, made = _train(PluginConfig(variant.model, suite.target, settings), dict(variant.settings), cap)
        if made and not core.exists():
            core.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(made, core)
        return outcome


def _train(config: PluginConfig, settings: dict[str, Any], cap: float) -> tuple[Outcome, str | None]:
    begin, wall = time.process_time(), time.perf_counter()
    trainer, train_data, valid_data, test_data = prepare(config)
    if config["model"] in EXACT:
        trim_padding(trainer.model)
    epochs: list[float] = []

    def after_epoch(epoch: int, score: float) -> None:
        epochs.append(score)
        if time.process_time() - begin > cap:
            raise _CapReached

    stopped = "patience"
    try:
        valid, _ = trainer.fit(train_data, valid_data, verbose=False, callback_fn=after_epoch)
    except _CapReached:
        stopped, valid = "cap", max(epochs)
    cpu, seconds = time.process_time() - begin, time.perf_counter() - wall
    ranks = {}
    for protocol in ("unmasked", "masked"):
        config["mask_history"] = protocol == "masked"
        trainer.evaluate(test_data)
        ranks[protocol] = np.asarray(trainer.eval_collector.ranks)
    targets = trainer.eval_collector.targets
    facts = {
        "model": config["model"],
        "dataset": config["dataset"],
        "source_datasets": list(config["source_datasets"] or []),
        "settings": settings,
        "valid": float(valid),
        "memory_weight": getattr(trainer.model, "memory_weight", None),
        "epochs": len(epochs),
        "best_epoch": 1 + int(np.argmax(epochs)) if epochs else 0,
        "stopped": stopped if len(epochs) < config["epochs"] else "epochs",
        "cpu_seconds": round(cpu),
        "seconds": round(seconds),
        "source_weights": getattr(trainer, "source_weights", None),
        "pretraining_losses": getattr(trainer, "pretraining_losses", None),
        "cold": _on_cold_items(ranks, train_data._dataset, targets),
        "hardware": f"{platform.machine()}, {torch.get_num_threads()} of {os.cpu_count()} cores",
        "torch": torch.__version__,
    }
    return Outcome(ranks, facts), getattr(trainer, "core_file", None)


def _on_cold_items(ranks: dict[str, Ranks], train: Any, targets: Targets) -> dict[str, Any] | None:
    """Test metrics over the users whose target nobody had in training."""
    cold = train.domain().item_counts()[targets.items] == 0
    if not cold.any():
        return None
    found = {
        f"{metric} {protocol}": round(float(np.mean(metric_of_ranks(metric, of_all[cold]))), 6)
        for protocol, of_all in ranks.items()
        for metric in ("ndcg@10", "recall@10")
    }
    return {"users": int(cold.sum()), **found}


def _with_hostile_source(data_path: Path, names: list[str], folder: Path) -> tuple[Path, str]:
    """Make a folder of the same domains and one more: the last of them, its items dealt out anew to its rows."""
    for name in names:
        (folder / name).symlink_to((data_path / name).resolve())
    last = names[-1]
    header, *lines = (data_path / last / f"{last}.inter").read_text(encoding="utf-8").splitlines()
    column = [field.split(":")[0] for field in header.split("\t")].index("item_id")
    rows = [line.split("\t") for line in lines]
    items = np.random.default_rng(0).permutation([row[column] for row in rows])
    shuffled = ["\t".join([*row[:column], item, *row[column + 1 :]]) for row, item in zip(rows, items, strict=True)]
    hostile = f"{last}-shuffled"
    (folder / hostile).mkdir()
    (folder / hostile / f"{hostile}.inter").write_text("\n".join([header, *shuffled]) + "\n", encoding="utf-8")
    return folder, hostile
