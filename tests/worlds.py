"""Short trainings in one process or several, and all that comes of them: ``python tests/worlds.py DATA FOLDER``.

Each process of a world is one of this script, with the environment that ``torchrun`` makes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import planted
import torch

# torch draws the dropout between layers by itself, for the windows that are here.
DRAWN_ALONE = "several layers of GRU"
TINY = {"hidden_size": 16, "inner_size": 16, "n_layers": 1, "train_batch_size": 16, "hidden_dropout_prob": 0.2}
META: dict[str, Any] = {**TINY, "epochs": 3, "warmup_epochs": 1, "meta_epochs": 2}
ANT: dict[str, Any] = {**TINY, "pretrain_epochs": 2, "epochs": 3, "thaw_after": 1, "image_text_weight": 0.1}
CASES: dict[str, dict[str, Any]] = {
    "scratch": {**TINY, "source_datasets": [], "epochs": 2, "learner": "sgd", "learning_rate": 0.1},
    "first order": {**META, "split_target": True, "attn_dropout_prob": 0.1},
    "first order, by rows": {**META, "softmax": "sampled", "n_negatives": 8, "codebook_update": "moving_average"},
    "second order": {**META, "second_order": True, "inner_steps": 2, "learn_inner_rates": True, "backbone": "lru"},
    "few windows": {**META, "train_batch_size": 2, "epochs": 1, "warmup_epochs": 0, "meta_epochs": 1},
    DRAWN_ALONE: {**META, "backbone": "gru", "n_layers": 2, "epochs": 1, "meta_epochs": 1},
    "ANT": ANT,
    "ANT, sampled": {**ANT, "softmax": "sampled", "n_negatives": 8, "contrast_across_domains": False},
}


def train(data: Path, folder: Path, case: str) -> dict[str, Any]:
    """Train in this process, or with the others of its world."""
    from recbole_metarec.runs.prepare import configure, prepare
    from recbole_metarec.training import world

    make = planted.featured_settings if case.startswith("ANT") else planted.settings
    changes = {"checkpoint_dir": str(folder), "feature_cache": str(data / "features"), **CASES[case]}
    trainer, train_data, valid_data, test_data = prepare(configure(make(data, **changes)))
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    metrics = trainer.evaluate(test_data, load_best_model=False)
    sources = getattr(trainer.steps, "tasks", [])[1:]
    tensors = {**trainer.model.state_dict(), **{task.name: task.table.detach() for task in sources}}
    world.check_alike([*tensors.values()])
    losses = [*getattr(trainer, "pretraining_losses", []), *trainer.train_loss_dict.values()]
    return {
        "losses": losses,
        "scores": trainer.scores,
        "metrics": dict(metrics),
        "ranks": trainer.eval_collector.ranks,
        "tensors": tensors,
        "random": torch.get_rng_state(),
    }


def environments(number: int, **more: str) -> Iterator[dict[str, str]]:
    """Make the environment of each process of a world."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for rank in range(number):
        places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": number, "LOCAL_WORLD_SIZE": number}
        own = {**{key: str(value) for key, value in places.items()}, "MASTER_ADDR": "127.0.0.1"}
        yield {**os.environ, **own, "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1", **more}


def start(number: int, *arguments: str) -> list[subprocess.Popen[str]]:
    """Start this script in the processes of a world."""
    command = [sys.executable, __file__, *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return [subprocess.Popen(command, env=environment, **pipes) for environment in environments(number)]


def main(data: str, folder: str, *cases: str) -> None:
    """Train all cases and write down what came of each."""
    from recbole_metarec.training import world
    from recbole_metarec.training.processes import join, leave

    torch.set_num_threads(1)
    join("")
    for case in cases or CASES:
        torch.save(train(Path(data), Path(folder), case), Path(folder) / f"{case}-{world.number()}.pt")
    leave()


if __name__ == "__main__":
    main(*sys.argv[1:])
