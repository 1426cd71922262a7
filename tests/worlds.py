"""Short trainings in one process or several, and what comes of them; the environment is as ``torchrun`` makes it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import planted
import pytest
import timed
import torch

from recbole_metarec.cli.main import main as command
from recbole_metarec.models.metarec.steps import MetaSteps
from recbole_metarec.runs.prepare import configure, prepare
from recbole_metarec.training import world
from recbole_metarec.training.processes import join

# What has imported all that they need, once, makes the processes.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["worlds"])
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
    "features": {
        **META,
        "dataset": planted.FEATURED_TARGET,
        "source_datasets": planted.FEATURED_SOURCES,
        "item_features": True,
        "text_size": 8,
        "n_experts": 2,
        "max_bad_features": 0.2,
    },
    "evidence of days": {"model": "Evidence", "dataset": timed.NAME, "source_datasets": [], "evidence_rows": 100},
    "ANT": ANT,
    "ANT, sampled": {**ANT, "softmax": "sampled", "n_negatives": 8, "contrast_across_domains": False},
}


def train(data: Path, folder: Path, case: str) -> dict[str, Any]:
    """Train in this process, or with the others of its world."""
    make = planted.featured_settings if case.startswith("ANT") else planted.settings
    changes = {"checkpoint_dir": str(folder), "feature_cache": str(data / "features"), **CASES[case]}
    trainer, train_data, valid_data, test_data = prepare(configure(make(data, **changes)))
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    metrics = trainer.evaluate(test_data, load_best_model=False)
    sources = trainer.steps.tasks[1:] if hasattr(trainer, "suite") else []
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


def run(number: int, data: Path, folder: Path, *plan: Any) -> tuple[list[str], list[int | None]]:
    """Do what `main` does in the processes of a world; returns what each said and its exit status."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(number):
        places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": number, "LOCAL_WORLD_SIZE": number}
        environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
        environment |= {key: str(value) for key, value in places.items()}
        started.append(CONTEXT.Process(target=_begin, args=(environment, data, folder, *plan)))
        with pytest.MonkeyPatch.context() as patch:  # Python 3.11 has no other way to tell what makes the processes
            patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
            started[-1].start()
    for process in started:
        process.join(120)
        process.kill()
    return [(folder / f"said-{rank}").read_text() for rank in range(number)], [each.exitcode for each in started]


def _begin(environment: dict[str, str], data: Path, folder: Path, *plan: Any) -> None:
    os.environ.update(environment)
    os.chdir(folder)
    said = os.open(f"said-{environment['RANK']}", os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.exit(main(data, folder, *plan))


def die_within(epoch: int) -> None:
    """Let the second process be killed in an epoch of fine-tuning."""
    step = MetaSteps.plain_step

    def step_or_die(self: MetaSteps, task: Any, number: int, batch: int) -> torch.Tensor:
        if (number, batch) == (epoch, 0) and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, task, number, batch)

    MetaSteps.plain_step = step_or_die  # type: ignore[method-assign]


def main(data: Path, folder: Path, cases: list[str], epoch: int | None, arguments: list[str]) -> int:
    """Train cases and write down what came of each, then run the command line, perhaps with a process that dies."""
    torch.set_num_threads(1)
    join("")
    for case in cases:
        torch.save(train(data, folder, case), folder / f"{case}-{world.number()}.pt")
    if epoch is not None:
        die_within(epoch)
    return command(arguments)
