"""How the weight of the memory is best chosen on validation: rules compared on validation users who were left out.

    python benchmarks/weights.py --suite=office --users=0.1 --seeds=3
    python benchmarks/weights.py --suite=embedded --users=1

Of each trained model the ranks of validation and test targets are computed under every weight. A rule chooses on a
random half of the validation users and is judged by the other half, forty times; and once by the test users, from all
of validation.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate
from transfer import SUITES, read_suite

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.configuration.layers import resolve
from recbole_metarec.evaluation.choice import simplest_as_good
from recbole_metarec.evaluation.ranking import Floats, metric_of_ranks
from recbole_metarec.evidence.weights import MEMORY_WEIGHTS, EvidenceWeights, from_one
from recbole_metarec.runs.prepare import prepare
from recbole_metarec.settings.suite import DEFAULT_TARGET

HALVES = 40


def target_and_sources(suite: str) -> tuple[str, list[str]]:
    """Return the names of a suite's domains; ``embedded`` is the default target with its sources."""
    settings = {"dataset": DEFAULT_TARGET} if suite == "embedded" else read_suite(suite)
    resolved = resolve("MetaRec", settings)
    return resolved["dataset"], resolved["source_datasets"]


def towards(order: list[float]) -> Callable[[Floats], int]:
    """Return the one-standard-error rule that takes the first weight of an order."""
    places = [MEMORY_WEIGHTS.index(weight) for weight in order]
    return lambda values_VN: places[simplest_as_good(values_VN[places], np.arange(values_VN.shape[1]))]


RULES: dict[str, Callable[[Floats], int]] = {
    "best": lambda values_VN: int(values_VN.mean(1).argmax()),
    "towards 1": towards(sorted(MEMORY_WEIGHTS, key=from_one)),
    "towards the memory": towards(sorted(MEMORY_WEIGHTS, reverse=True)),
    "towards what is learnt": towards(sorted(MEMORY_WEIGHTS)),
}


def values_of(settings: dict[str, object], target: str) -> tuple[Floats, Floats]:
    """Train MetaRec and return NDCG@10 of validation and of test targets, shape (n_weights, n_rows) each."""
    trainer, train_data, valid_data, test_data = prepare(PluginConfig("MetaRec", target, settings))
    trainer.fit(train_data, valid_data, verbose=False)
    trainer.model.eval()
    every = [EvidenceWeights(weight, trainer.model.evidence.weights.repeat_penalty) for weight in MEMORY_WEIGHTS]
    valid, test = (
        np.stack([metric_of_ranks("ndcg@10", ranks.numpy()) for ranks in trainer._rank(data, every)])
        for data in (valid_data, test_data)
    )
    return valid, test


def judged(valid_VN: Floats, test_VN: Floats, rule: Callable[[Floats], int]) -> tuple[float, float, float]:
    """Return what a rule finds on halves of validation that it did not see, the weight that it takes, and its test."""
    rng, found = np.random.default_rng(0), []
    for _ in range(HALVES):
        seen, unseen = np.array_split(rng.permutation(valid_VN.shape[1]), 2)
        found.append(valid_VN[rule(valid_VN[:, seen])][unseen].mean())
    chosen = rule(valid_VN)
    return float(np.mean(found)), MEMORY_WEIGHTS[chosen], float(test_VN[chosen].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="office", choices=[*SUITES, "embedded"])
    parser.add_argument("--users", type=float, default=0.1, help="share of the training users")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1 to so many")
    parser.add_argument("--data_path", type=Path, default=Path("../shared/data/atomic"))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    target, sources = target_and_sources(options.suite)
    data_path = "dataset/" if options.suite == "embedded" else str(options.data_path)
    lines = []
    for seed in range(1, options.seeds + 1):
        for title, learnt_from in (("scratch", []), ("MetaRec", sources)):
            with tempfile.TemporaryDirectory() as folder:
                settings = {
                    "data_path": data_path,
                    "source_datasets": learnt_from,
                    "train_users": options.users,
                    "seed": seed,
                    "checkpoint_dir": folder,
                    "epochs": 300,
                    "stopping_step": 10,
                    "topk": [10],
                    "metrics": ["NDCG"],
                    "gpu_id": "",
                    "state": "ERROR",
                    "show_progress": False,
                }
                valid_VN, test_VN = values_of(settings, target)
            for name, rule in RULES.items():
                half, weight, test = judged(valid_VN, test_VN, rule)
                lines.append([title, seed, name, f"{half:.5f}", f"{weight:g}", f"{test:.4f}"])
    header = ["model", "seed", "rule", "validation users left out", "weight", "test NDCG@10"]
    print(tabulate(lines, header, "pipe", disable_numparse=True))


if __name__ == "__main__":
    main()
