"""What a training of a given size needs: memory of a process, bytes that it hands to the others, arithmetic.

    python benchmarks/scale.py [--interactions=100000000] [--items=10000000] [--users=11000000] [--batch=2048]
    python benchmarks/scale.py --check          # measures small sizes and sets them beside the formulas

MetaRec with a sampled softmax, defaults of its settings but for what is named. MB and GB are 10^6 and 10^9 bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import loading
import numpy as np
import torch
from steps import make_learner, synthetic

from recbole_metarec.models.metarec.model import build_encoder
from recbole_metarec.models.metarec.settings import MetaRecSettings
from recbole_metarec.runs.peak import peak_megabytes, reset_peak

FLOAT = 4


class Size(NamedTuple):
    """A training.

    Attributes
    ----------
    interactions, users, items : int
        Of target and sources together.
    batch : int
        Windows of a step.
    sources : int
        Of a meta step; 0 is a plain step.
    """

    interactions: int
    users: int
    items: int
    batch: int
    sources: int = 0


def parameters() -> int:
    """Count the shared parameters."""
    return sum(parameter.numel() for parameter in build_encoder(MetaRecSettings()).parameters())


def table_bytes(size: Size) -> int:
    """Return what embeddings of items and the two moments of Adam take."""
    return 3 * size.items * MetaRecSettings().hidden_size * FLOAT


def catalogue_bytes(size: Size) -> int:
    """Return what quantized vectors of all items take beside them while a model is evaluated."""
    return size.items * MetaRecSettings().hidden_size * FLOAT


def rows_of_batch(size: Size) -> int:
    """Return the most rows of a table that a batch speaks of: its items and the negatives."""
    positions = size.batch * (size.interactions / size.users - 1)
    return int(min(size.items, positions + size.batch + MetaRecSettings().n_negatives))


def handed_bytes(size: Size) -> int:
    """Return what a process hands over in a step, of which about twice as much crosses its network.

    In a plain step the gradients of the shared parameters and of the batch's rows; in a meta step, in first order with
    one inner step, shared gradients twice for each source, and the rows of each domain.
    """
    rows = rows_of_batch(size) * MetaRecSettings().hidden_size * FLOAT
    return (2 * size.sources or 1) * parameters() * FLOAT + (size.sources + 1) * rows


def flop(size: Size) -> float:
    """Return the operations of an epoch of plain steps: of the backbone and of the softmax, forward and backward."""
    s = MetaRecSettings()
    width, length = s.hidden_size, size.interactions / size.users
    layer = 8 * width**2 + 4 * width * s.inner_size + 4 * length * width
    return 3 * (s.n_layers * layer + 2 * s.n_negatives * width) * (size.interactions - size.users)


def resident(argument: str) -> None:
    """Print by how many MB this process has grown, at the peak, when a target is loaded and its model built."""
    from recbole_metarec.runs.prepare import configure, prepare

    settings = json.loads(argument)
    torch.set_num_threads(1)
    reset_peak()
    before = resident_megabytes()
    prepare(configure({"model": "MetaRec", "dataset": loading.NAME, "gpu_id": "", "state": "ERROR", **settings}))
    print(peak_megabytes() * 2**20 / 1e6 - before)


def resident_megabytes() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def check_loading() -> None:
    """Memory of a target that is loaded, its evidence counted and its model built."""
    print("| evidence | 250,000 interactions, MB | 1,000,000, MB | bytes of an interaction beside the table |")
    print("|---|--:|--:|--:|")
    sizes = (250_000, 1_000_000)
    kinds = {"none": {"memory_weight": 0}, "memory": {"timed_evidence": False}, "that knows the clock": {}}
    for kind, settings in kinds.items():
        found, beside = [], []
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                loading.write_domain(Path(folder) / loading.NAME / f"{loading.NAME}.inter", size)
                argument = json.dumps({"data_path": folder, "source_datasets": [], **settings})
                command = [sys.executable, "-W", "ignore", __file__, "--resident", argument]
                said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout
            found.append(float(said.splitlines()[-1]))
            beside.append(1e6 * found[-1] - table_bytes(Size(size, 1, size // 20, 0)) / 3)
        slope = (beside[1] - beside[0]) / (sizes[1] - sizes[0])
        print(f"| {kind} | {found[0]:.0f} | {found[1]:.0f} | {slope:.0f} |", flush=True)


def check_steps() -> None:
    """Memory that tables and their moments take when steps have been taken, and rows of a batch."""
    print("| items | formula, MB | found, MB | rows of a batch, formula | found |\n|--:|--:|--:|--:|--:|")
    for items in (10_000, 100_000, 400_000, 1_600_000):  # the first step of a process takes memory of its own
        domain = synthetic("target", 20_000, items)
        before = resident_megabytes()
        learner = make_learner(domain, softmax="sampled", train_batch_size=512)
        rows = []
        for step in range(4):
            learner.plain_step(learner.tasks[0], 0, step)
            rows.append(len(learner.tasks[0].draw(0, step).ids))
        size = Size(len(domain.items), domain.n_sequences, items, 512)
        grown = resident_megabytes() - before
        found = f"{grown:.0f} | {rows_of_batch(size):,} | {np.mean(rows):,.0f}"
        if items > 10_000:
            print(f"| {items:,} | {table_bytes(size) / 1e6:.0f} | {found} |", flush=True)
        del learner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for key, value in Size(100_000_000, 11_000_000, 10_000_000, 2048)._asdict().items():
        parser.add_argument(f"--{key}", type=int, default=value)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--resident")
    options: dict[str, Any] = vars(parser.parse_args())
    check, argument = options.pop("check"), options.pop("resident")
    if argument:
        resident(argument)
    elif check:
        torch.set_num_threads(1)
        check_steps()
        check_loading()
    else:
        size = Size(**options)
        steps = -(-size.users // size.batch)
        print(f"shared parameters               {parameters():,}")
        print(f"table and Adam's moments        {table_bytes(size) / 1e9:.2f} GB")
        print(f"catalogue, while evaluated      {catalogue_bytes(size) / 1e9:.2f} GB")
        print(f"steps of an epoch               {steps:,}")
        print(f"rows of a batch, at most        {rows_of_batch(size):,}")
        print(f"handed over in a step           {handed_bytes(size) / 1e6:.1f} MB")
        print(f"operations of an epoch          {flop(size):.2g}")
        print(f"operations of an evaluation     {2.0 * size.users * size.items * MetaRecSettings().hidden_size:.2g}")


if __name__ == "__main__":
    main()
