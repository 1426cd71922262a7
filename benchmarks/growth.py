"""How time and memory grow with interactions, items, window length and sources: four sizes each, log-log slopes.

    python benchmarks/growth.py [--threads=2] [--steps=20]

Synthetic domains as in ``steps.py``, sampled softmax, each size in a process of its own. CPU seconds of an epoch are
those of its plan (shuffling, buckets) plus the number of its steps times the median step; memory is what the process
grew by, domain included.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from steps import alternate, make_learner, peak_mb, plain, synthetic


class Cost(NamedTuple):
    size: int
    step: float
    epoch: float
    memory: float


def measure(
    steps: int,
    threads: int,
    users: int = 20_000,
    items: int = 20_000,
    window: int = 50,
    mean: float = 9.0,
    sources: int = 0,
) -> tuple[float, float, float]:
    """CPU milliseconds a step, CPU seconds an epoch, MB."""
    torch.set_num_threads(threads)
    before = peak_mb()
    target = synthetic("target", users, items, mean, longest=8 * int(mean))
    others = tuple(synthetic(f"source {i}", users, items, mean) for i in range(sources))
    changes = {"softmax": "sampled", "MAX_ITEM_LIST_LENGTH": window, "sources_per_step": None}
    learner = make_learner(target, others, **changes)
    begin = time.process_time()
    learner.tasks[0].windows.batch(0, 0)
    plan = time.process_time() - begin
    step = (lambda number: learner.meta_step(0, number)) if sources else plain(learner)
    middle = statistics.median(alternate({"step": step}, steps)["step"])
    return middle, plan + middle / 1e3 * len(learner.tasks[0].windows), peak_mb() - before


def slope(costs: list[Cost], value: Callable[[Cost], float]) -> float:
    sizes = [math.log(cost.size) for cost in costs]
    return float(np.polyfit(sizes, [math.log(max(value(cost), 1e-9)) for cost in costs], 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    axes = {
        "interactions": [(9 * users, {"users": users}) for users in (5_000, 20_000, 80_000, 320_000)],
        "items": [(items, {"items": items}) for items in (5_000, 40_000, 320_000, 2_560_000)],
        "window length": [(w, {"window": w, "mean": 100.0, "users": 2_000}) for w in (25, 50, 100, 200)],
        "sources": [(n, {"sources": n}) for n in (1, 2, 4, 8)],
    }
    context = multiprocessing.get_context("spawn")
    for axis, sizes in axes.items():
        print(f"\n| {axis} | CPU ms a step | CPU s an epoch | MB |\n|--:|--:|--:|--:|")
        costs = []
        for size, changes in sizes:
            with ProcessPoolExecutor(1, context) as alone:
                costs.append(Cost(size, *alone.submit(measure, options.steps, options.threads, **changes).result()))
            print(f"| {size:,} | {costs[-1].step:.0f} | {costs[-1].epoch:.1f} | {costs[-1].memory:.0f} |", flush=True)
        slopes = [slope(costs, value) for value in (lambda c: c.step, lambda c: c.epoch, lambda c: c.memory)]
        print("| slope | " + " | ".join(f"{found:.2f}" for found in slopes) + " |", flush=True)


if __name__ == "__main__":
    main()
