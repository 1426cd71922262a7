"""Whether transfer helps on real Amazon targets: MetaRec, its controls and RecBole's models, over suites and seeds.

    python benchmarks/transfer.py --suite=office --seeds=3

Every finished run is a file in the store and never computed twice: an interrupted benchmark goes on where it was, and
several machines may fill one store. `--runs=0` prints the tables of what is there.

Early stopping looks at the target's validation NDCG@10, history not masked, for every variant alike; test ranks are
taken once, at the best epoch, with and without masking.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

from suites.store import Key, save
from suites.table import render
from suites.training import run
from suites.variants import SUITES, VARIANTS

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", nargs="+", default=list(SUITES), choices=SUITES)
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1 to so many")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--users", nargs="+", type=float, default=[1.0, 0.1], help="shares of the training users")
    parser.add_argument("--data_path", type=Path, default=Path("../shared/data/atomic"))
    parser.add_argument("--store", type=Path, default=HERE / "results" / "transfer")
    parser.add_argument("--cores", type=Path, default=Path("saved/benchmark"), help="pre-trained cores, features")
    parser.add_argument("--cap", type=float, default=3600, help="CPU seconds after which a run stops training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10**9, help="stop after so many new runs")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    keys = [
        Key(suite, users, variant, seed)
        for seed in range(1, options.seeds + 1)
        for users in options.users
        for suite in options.suite
        for variant in options.variants
    ]
    missing = [key for key in keys if not key.path(options.store).exists()]
    for number, key in enumerate(missing[: options.runs], 1):
        if key.path(options.store).exists():  # another machine was faster
            continue
        begin = time.perf_counter()
        print(f"{number} of {len(missing)}: {key}", file=sys.stderr, flush=True)
        save(options.store, key, run(key, options.data_path, options.cores, options.cap, options.threads))
        print(f"    {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    for suite in options.suite:
        for users in options.users:
            print(render(options.store, suite, users, range(1, options.seeds + 1)), end="\n\n")


if __name__ == "__main__":
    main()
