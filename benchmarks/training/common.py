"""What all sides of the training benchmark share; needs numpy, pandas, torch and yaml alone, as peers have them."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import yaml
from torch import Tensor

WINDOW = 50
PATIENCE = 10


class Split(NamedTuple):
    """Leave-one-out: the last item of each sequence tests (and is left out here), the one before validates.

    Attributes
    ----------
    train : list of int array
        Sequences without their last two items, ids from 1.
    targets : int array, shape (n_users,)
        Validation target of each sequence.
    n_items : int
        Largest id.
    """

    train: list[np.ndarray]
    targets: np.ndarray
    n_items: int


def load_split(path: Path) -> Split:
    """Read an ``.inter`` file with user, item and timestamp; every user needs three interactions."""
    frame = pd.read_csv(path, sep="\t")
    frame.columns = [name.split(":")[0] for name in frame.columns]
    frame["item"] = pd.factorize(frame["item_id"])[0] + 1
    frame = frame.sort_values("timestamp", kind="stable")
    sequences = [rows.to_numpy() for _, rows in frame.groupby("user_id", sort=False)["item"]]
    return Split([s[:-2] for s in sequences], np.array([s[-2] for s in sequences]), int(frame["item"].max()))


def ndcg_at_10(states: Tensor, items: Tensor, targets: Tensor) -> float:
    """NDCG@10 of full ranking, history not masked; column 0 of the scores belongs to id 1."""
    scores = states @ items.T
    own = scores.gather(1, targets[:, None] - 1)
    rank = (scores > own).sum(1) + 1
    return float(torch.where(rank <= 10, 1 / torch.log2(rank + 1.0), 0.0).mean())


class Clock:
    """CPU seconds of this process, all threads, in training and in everything; imports and loading are left out."""

    def __init__(self) -> None:
        self.training = 0.0
        self.start = time.process_time()
        self.wall = time.perf_counter()

    @contextmanager
    def train(self) -> Iterator[None]:
        begin = time.process_time()
        yield
        self.training += time.process_time() - begin

    def report(self, side: str, epoch: int, ndcg: float) -> None:
        """Print one line of JSON."""
        line = {
            "side": side,
            "epoch": epoch,
            "ndcg": round(ndcg, 6),
            "training": round(self.training, 2),
            "all": round(time.process_time() - self.start, 2),
            "wall": round(time.perf_counter() - self.wall, 2),
        }
        print(json.dumps(line), flush=True)


class Progress:
    """Reports the epochs of a peer, and tells when ``PATIENCE`` of them in a row brought nothing better."""

    def __init__(self, side: str) -> None:
        self.side, self.clock, self.best, self.worse, self.begin = side, Clock(), -1.0, 0, 0.0

    def begin_epoch(self) -> None:
        self.begin = time.process_time()

    def end_training(self) -> None:
        """Stop the clock of an epoch, before its validation."""
        self.clock.training += time.process_time() - self.begin

    def end_epoch(self, epoch: int, ndcg: float) -> bool:
        """Report an epoch; whether to stop."""
        self.clock.report(self.side, epoch, ndcg)
        self.worse = 0 if ndcg > self.best else self.worse + 1
        self.best = max(self.best, ndcg)
        return self.worse >= PATIENCE


def follow(trainer: Any, side: str, train_data: Any, valid_data: Any) -> None:
    """Train with a RecBole trainer and report each epoch."""
    clock, train_epoch = Clock(), trainer._train_epoch

    def timed(*args: Any, **kwargs: Any) -> Any:
        with clock.train():
            return train_epoch(*args, **kwargs)

    def after_epoch(epoch: int, score: float) -> None:
        clock.report(side, epoch + 1, score)

    trainer._train_epoch = timed
    trainer.fit(train_data, valid_data, verbose=False, saved=False, callback_fn=after_epoch)


def arguments(description: str | None) -> argparse.Namespace:
    """Parse what every side takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="../shared/data/atomic")
    parser.add_argument("--dataset", default="amazon-office-products")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of this side")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    return options


def with_overrides(settings: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Put what ``--set`` says on top of a side's settings."""
    pairs = (pair.split("=", 1) for pair in options.set)
    return {**settings, **{key: yaml.safe_load(value) for key, value in pairs}}


def recbole_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Settings of both sides that RecBole trains."""
    return {
        "data_path": options.data_path,
        "seed": options.seed,
        "epochs": options.epochs,
        "stopping_step": PATIENCE,
        "MAX_ITEM_LIST_LENGTH": WINDOW,
        "metrics": ["NDCG"],
        "topk": [10],
        "show_progress": False,
    }


def inter_file(options: argparse.Namespace) -> Path:
    """Path of the dataset's interactions."""
    return Path(options.data_path) / options.dataset / f"{options.dataset}.inter"
