"""How warm-up changes what is transferred and what the source weights say, where the right answer is known.

The planted suite of the tests: two friendly sources, a hostile one. Prints, for each length of warm-up, test NDCG@10 of
transfer and of scratch and the mean weight of the hostile source (a third if weights say nothing), over seeds.

    python benchmarks/warm_up.py [--seeds=3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import planted

from recbole_metarec.runs.run import run_one

WARM_UPS = (0, 1, 2, 4, 8, 16)


def settings(root: Path, **changes: object) -> dict[str, object]:
    """Return the tests' settings without a memory, which sources have no part in."""
    return planted.settings(root, memory_weight=0, **changes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(1, parser.parse_args().seeds + 1)
    torch.set_num_threads(1)
    root = Path(tempfile.mkdtemp())
    planted.write_suite(root)
    os.chdir(root)
    scratch = [run_one(settings(root, source_datasets=[], seed=seed)).test["ndcg@10"] for seed in seeds]
    print(f"scratch: NDCG@10 {statistics.mean(scratch):.3f}")
    print("| warm-up epochs | NDCG@10 | hostile weight | hostile weighs least |")
    print("|--:|--:|--:|--:|")
    for epochs in WARM_UPS:
        runs = [run_one(settings(root, warmup_epochs=epochs, seed=seed)) for seed in seeds]
        weights = [run.diagnostic("source_weights") or {} for run in runs]
        least = sum(min(found, key=found.__getitem__) == planted.HOSTILE for found in weights)
        hostile = statistics.mean(found[planted.HOSTILE] for found in weights)
        ndcg = statistics.mean(run.test["ndcg@10"] for run in runs)
        print(f"| {epochs} | {ndcg:.3f} | {hostile:.2f} | {least} of {len(runs)} |", flush=True)


if __name__ == "__main__":
    main()
