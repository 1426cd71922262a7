"""Whether long training leaks: memory, open files and threads over many meta steps, and what they rise by.

    python benchmarks/long_run.py --steps=10000

A small target and four small sources, both orders of meta gradients in turn, the codebooks revived as usual.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import psutil
import torch
from steps import make_learner, synthetic
from tabulate import tabulate

# The first share of the steps, in which pools of memory fill, is left out of the slopes.
FILLING = 0.2


def main() -> None:
    """Print slopes of what the process holds, for each order of the meta gradients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    process, target = psutil.Process(), synthetic("target", 400, 200)
    sources = tuple(synthetic(f"source {number}", 400, 200) for number in range(4))
    rows = []
    for second_order in (False, True):
        small = {"train_batch_size": 16, "hidden_size": 16, "inner_size": 32, "code_size": 4}
        learner = make_learner(target, sources, second_order=second_order, **small)
        per_epoch, seen, begin = len(learner.tasks[0].windows), [], time.perf_counter()
        for number in range(asked.steps):
            learner.meta_step(*divmod(number, per_epoch))
            if number % max(1, asked.steps // 100) == 0 and number >= FILLING * asked.steps:
                seen.append((number, process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()))
        step, *held = np.array(seen).T
        slopes = [1000 * np.polyfit(step, values, 1)[0] for values in held]
        order = "second" if second_order else "first"
        rows.append([order, asked.steps, f"{time.perf_counter() - begin:.0f}", f"{held[0][-1]:.0f}", *slopes])
    columns = ("order", "steps", "seconds", "MB at the end", "MB", "files", "threads")
    print("Slopes are by 1,000 steps.")
    print(tabulate(rows, columns, floatfmt="+.3f", tablefmt="github"))


if __name__ == "__main__":
    main()
