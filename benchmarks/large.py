"""A synthetic domain of any size, and how fast and in how much memory it is read for the first and the second time.

    python benchmarks/large.py write FOLDER --interactions=30000000
    python benchmarks/large.py read FOLDER [--side=checks|source|target]
    python benchmarks/large.py train FOLDER [--steps=12]

``write`` makes FOLDER/synthetic/synthetic.inter: ids as long as Amazon's, at least 5 interactions of each user and 10
on average, popularity of items by Zipf's law, lines of 40 bytes sorted by millisecond. ``read`` prints seconds and the
peak of memory beyond imports; the first one keeps arrays in FOLDER/arrays, later ones take these. ``train``
takes them, too, and prints the CPU seconds of an epoch (its plan, and as many median steps as it has), of ranking all
users' targets among all items (by those of some users), and of a list of 10 items: one thread, defaults of MetaRec but
for a sampled softmax.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

NAME = "synthetic"
HEADER = b"user_id:token\titem_id:token\ttimestamp:float\n"
LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", np.uint8)
DIGITS = np.frombuffer(b"0123456789", np.uint8)
PER_USER = 10
BLOCK = 1 << 20


def cells(numbers: npt.NDArray[np.int64], prefix: bytes, width: int, characters: npt.NDArray[np.uint8]) -> list[object]:
    """Write numbers in the positional system of some characters, a column of text each."""
    columns: list[object] = [*prefix]
    base = len(characters)
    return columns + [characters[numbers // base**place % base] for place in range(width - len(prefix) - 1, -1, -1)]


def write_domain(path: Path, interactions: int, seed: int = 0) -> None:
    """Write the file block by block."""
    rng = np.random.default_rng(seed)
    n_users, n_items = max(1, interactions // PER_USER), max(10, interactions // (2 * PER_USER))
    steps = [step for step in map(int, rng.integers(n_users // 3, n_users, 200)) if math.gcd(step, n_users) == 1]
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(HEADER)
        for begin in range(0, interactions, BLOCK):
            rows = np.arange(begin, min(begin + BLOCK, interactions))
            rounds, at = rows // n_users, rows % n_users
            users = at * np.array(steps)[rounds % len(steps)] % n_users  # each once a round
            users = np.where(rounds < PER_USER // 2, users, rng.integers(n_users, size=len(rows)))
            items = np.floor(np.exp(rng.random(len(rows)) * np.log(n_items))).astype(np.int64) - 1
            times = 1_400_000_000_000 + rows * (200_000_000_000 // interactions) + rng.integers(2, size=len(rows))
            scrambled = users * 0x9E3779B1 % 2**35, items * 0x85EBCA6B % 2**35  # both multipliers are odd
            columns = [*cells(scrambled[0], b"A", 14, LETTERS), ord("\t"), *cells(scrambled[1], b"B0", 10, LETTERS)]
            columns += [ord("\t"), *cells(times, b"", 13, DIGITS), ord("\n")]
            text = np.empty((len(rows), len(columns)), np.uint8)
            for place, column in enumerate(columns):
                text[:, place] = column
            file.write(text.tobytes())


MEASURED = """
import resource, sys, time
import torch
import recbole_metarec
from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig, for_domain
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.loading import load_domain

folder, side = sys.argv[1:]
settings = {"data_path": folder, "interaction_cache": folder + "/arrays", "gpu_id": "", "state": "ERROR"}
config = PluginConfig("SASRec", "synthetic", settings)

def usage():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6

def checks():
    problems = find_problems({"model": "SASRec", "dataset": "synthetic", **settings})
    assert not problems, problems

sides = {"checks": checks, "source": lambda: load_domain(config), "target": lambda: DomainDataset(config).build()}
before = usage()
loaded = sides[side]()
wall, cpu, grown = (after - start for after, start in zip(usage(), before))
anonymous = [int(line.split()[1]) * 1024 / 1e6 for line in open("/proc/self/status") if line.startswith("RssAnon")][0]
print(f"{side}: {wall:.2f} s, {cpu:.2f} CPU s, peak {grown:,.0f} MB beyond {before[2]:,.0f} of imports,"
      f" {anonymous:,.0f} MB at the end that are not mapped from files")
"""


def train(folder: Path, n_steps: int, n_ranked: int = 128) -> None:
    """Print what training on the arrays costs; see the module."""
    import torch
    from steps import alternate, make_learner, plain

    from recbole_metarec.bridge.config import PluginConfig
    from recbole_metarec.bridge.loading import load_domain
    from recbole_metarec.evaluation.ranking import rank_targets
    from recbole_metarec.runs.peak import peak_megabytes

    torch.set_num_threads(1)
    settings = {"data_path": str(folder.absolute()), "interaction_cache": str(folder / "arrays"), "gpu_id": ""}
    config = PluginConfig("MetaRec", NAME, {**settings, "state": "ERROR"})
    begin = time.process_time()

    def said(what: str, seconds: float) -> None:
        print(f"{what}: {seconds:,.3f} CPU s, peak {peak_megabytes():,.0f} MB", flush=True)

    domain = load_domain(config)
    said(domain.describe(), time.process_time() - begin)
    learner = make_learner(domain, softmax="sampled")
    begin = time.process_time()
    windows = learner.tasks[0].windows
    windows.batch(0, 0)
    plan = time.process_time() - begin
    step = statistics.median(alternate({"step": plain(learner)}, n_steps)["step"]) / 1e3
    said(
        f"an epoch of {len(windows):,} steps of {1e3 * step:.0f} ms and a plan of {plan:.1f} s",
        plan + len(windows) * step,
    )
    items_ID = learner.tasks[0].table.detach()
    states_BD, targets_B = items_ID[1 : 1 + n_ranked].clone(), torch.arange(1, n_ranked + 1)
    begin = time.process_time()
    rank_targets(states_BD, items_ID, targets_B)
    said("all users ranked", (time.process_time() - begin) / n_ranked * domain.n_sequences)
    begin = time.process_time()
    for state_D in states_BD:
        torch.topk(items_ID @ state_D, 10)
    said("a list", (time.process_time() - begin) / n_ranked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["write", "read", "train"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--interactions", type=int, default=10_000_000)
    parser.add_argument("--side", default="source", choices=["checks", "source", "target"])
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    if options.what == "write":
        write_domain(options.folder / NAME / f"{NAME}.inter", options.interactions)
        return
    if options.what == "train":
        train(options.folder, options.steps)
        return
    environment = {**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", MEASURED, str(options.folder.absolute()), options.side]
    subprocess.run(command, check=True, cwd=options.folder, env=environment)


if __name__ == "__main__":
    main()
