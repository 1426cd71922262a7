"""Answers of RecTools' SASRec and of recommenders, for the same users, in turn, on one thread.

    pip install "rectools[torch]" -e .    # in an environment of its own: with numpy 1, before Python 3.13
    python benchmarks/rectools_answers.py [--items=20000] [--users=20000] [--kinds none memory timed]

Sizes are those of `inference.py`: width 64, a Transformer of two layers, sequences up to 50. Weights are random or, of
RecTools' model, those of one step. RecTools answers known users from a data set that it holds, the others sequences of
ids; none recommends what a user had.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from functools import partial
from typing import Any

import inference
import made
import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Trainer
from rectools.dataset import Dataset
from rectools.models import SASRecModel

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain

ROUNDS = 5  # in which each model answers some questions in a row


def trainer() -> Trainer:
    return Trainer(max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)


def fitted(domain: Domain) -> tuple[Any, Dataset]:
    interactions = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(domain.n_sequences), np.diff(domain.offsets)),
            "item_id": domain.items,
            "weight": 1.0,
            "datetime": pd.to_datetime(domain.times, unit="s"),
        }
    )
    dataset = Dataset.construct(interactions)
    model = SASRecModel(
        n_blocks=2,
        n_heads=2,
        n_factors=inference.WIDTH,
        session_max_len=inference.LENGTH,
        loss="sampled_softmax",
        n_negatives=64,
        recommend_torch_device="cpu",
        recommend_batch_size=1024,
        get_trainer_func=trainer,
    )
    model.fit(dataset)
    return model, dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--kinds", nargs="+", choices=inference.KINDS, default=inference.KINDS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    domain = inference.synthetic(options.items, options.users)
    at = float((made.FIRST_DAY + inference.DAYS) * DAY)
    model, dataset = fitted(domain)
    ours = {kind: inference.make(kind, domain) for kind in options.kinds}
    print(f"{options.items:,} items, of which RecTools knows {dataset.item_id_map.size:,}\n")
    print("| sequences | model | p50, ms | p99, ms |\n|--:|---|--:|--:|")
    for size, in_a_row in ((1, 40), (64, 5), (1024, 2)):
        times: dict[str, list[float]] = {name: [] for name in ("RecTools", *ours)}
        for seed in range(ROUNDS):
            asked = draw(domain, size, in_a_row, seed)
            calls = {
                "RecTools": [
                    partial(model.recommend, users=users, dataset=dataset, k=10, filter_viewed=True)
                    for users, _ in asked
                ],
                **{
                    kind: [partial(rec.recommend, sequences, at=at) for _, sequences in asked]
                    for kind, rec in ours.items()
                },
            }
            for name, each in calls.items():
                times[name] += [inference.seconds(call) for call in each]
        for name, found in times.items():
            p50, p99 = np.quantile(found, (0.5, 0.99)) * 1e3
            print(f"| {size} | {name} | {p50:.2f} | {p99:.2f} |", flush=True)


def draw(domain: Domain, size: int, times: int, seed: int) -> list[tuple[Any, list[list[str]]]]:
    """Draw users, and what they had."""
    rng, begin, end = np.random.default_rng(seed), domain.offsets[:-1], domain.offsets[1:]
    drawn = [rng.choice(domain.n_sequences, size, replace=False) for _ in range(times)]
    return [
        (users, [[f"i{item}" for item in domain.items[begin[user] : end[user]]] for user in users]) for users in drawn
    ]


if __name__ == "__main__":
    main()
