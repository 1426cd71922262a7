"""How fast a domain is loaded, and in how much memory, beside RecBole's own SequentialDataset.

Every side runs in a process of its own, in turn. Memory is what the peak of the resident set grows by after imports.

    python benchmarks/loading.py [--interactions=1000000] [--repeats=3] [--sides=target,source]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

NAME = "synthetic"
HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"
LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))


def names(rng: np.random.Generator, count: int, prefix: str, length: int) -> list[str]:
    """Draw distinct ids of one length."""
    found: dict[str, None] = {}
    while len(found) < count:
        drawn = LETTERS[rng.integers(len(LETTERS), size=(count, length - len(prefix)))]
        found.update(dict.fromkeys(prefix + "".join(row) for row in drawn))
    return list(found)[:count]


def write_domain(path: Path, interactions: int, seed: int = 0) -> None:
    """Write a file like Amazon's: at least 5 items a user, popularity by Zipf's law, lines sorted by millisecond."""
    rng = np.random.default_rng(seed)
    n_users, n_items = max(1, interactions // 10), max(10, interactions // 20)
    lengths = 4 + rng.geometric(1 / 6, n_users)
    users = np.repeat(np.arange(n_users), lengths)[:interactions]
    users = np.concatenate([users, rng.integers(n_users, size=interactions - len(users))])
    popularity = 1 / np.arange(1, n_items + 1)
    items = rng.choice(n_items, interactions, p=popularity / popularity.sum())
    times = np.sort(rng.integers(1_400_000_000_000, 1_600_000_000_000, interactions))
    user_names, item_names = names(rng, n_users, "A", 14), names(rng, n_items, "B0", 10)
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        file.writelines(
            f"{user_names[user]}\t{item_names[item]}\t{time}\n"
            for user, item, time in zip(rng.permutation(users), items, times, strict=True)
        )


MEASURED = """
import resource, sys, time
import torch
from recbole.data.dataset import SequentialDataset
import recbole_metarec
from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.loading import load_domain

torch.set_num_threads(1)
settings = {"data_path": sys.argv[1], "gpu_id": "", "state": "ERROR"}
config = PluginConfig("SASRec", "synthetic", settings)

def checked():
    problems = find_problems({"model": "SASRec", "dataset": "synthetic", **settings})
    assert not problems, problems
    return DomainDataset(config).build()

sides = {
    "stock": lambda: SequentialDataset(config).build(),
    "target": lambda: DomainDataset(config).build(),
    "checks": checked,
    "source": lambda: load_domain(config),
}

def usage():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6

before = usage()
loaded = sides[sys.argv[2]]()
print(*(after - start for after, start in zip(usage(), before)))
"""

SIDES = {
    "stock": "RecBole's SequentialDataset, split",
    "target": "DomainDataset, split",
    "checks": "checks, DomainDataset, split",
    "source": "load_domain",
}


def run(side: str, root: Path) -> tuple[float, ...]:
    """Return wall seconds, CPU seconds and MB of peak growth."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", MEASURED, str(root), side]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root, env=environment).stdout
    return tuple(map(float, out.split()[-3:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sides", default=",".join(SIDES))
    arguments = parser.parse_args()
    sides = arguments.sides.split(",")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_domain(root / NAME / f"{NAME}.inter", arguments.interactions)
        runs: dict[str, list[tuple[float, ...]]] = {side: [] for side in sides}
        for _ in range(arguments.repeats):  # in turn, so that all meet the same load
            for side in sides:
                runs[side].append(run(side, root))
    print(f"{arguments.interactions:,} interactions, median of {arguments.repeats}, one thread, {os.cpu_count()} cores")
    print("| side | wall, s | CPU, s | peak growth, MB | wall ratio | CPU ratio | memory ratio |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    medians = {side: [statistics.median(column) for column in zip(*runs[side], strict=True)] for side in sides}
    for side, (wall, cpu, memory) in medians.items():
        ratios = " | ".join(f"{a / b:.1f}" for a, b in zip(medians[sides[0]], (wall, cpu, memory), strict=True))
        print(f"| {SIDES[side]} | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {ratios} |")


if __name__ == "__main__":
    main()
