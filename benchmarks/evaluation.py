"""Full-ranking evaluation, ours and RecBole's, of the same model on the same rows: seconds, peak memory, metrics.

    python benchmarks/evaluation.py [--users=50000] [--items=20000] [--repeats=3] [--threads=2] [--mask]

The model is RecBole's SASRec, and MetaRec without a quantizer with the same weights in its place.
Users have 4 to 49 items (geometric, mean 9), drawn by popularity. Each side runs in a process of its own, in
turn; RecBole's is its own ``Trainer.evaluate``. Peak memory is what the process grew by in evaluation.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import sasrec_twin

SIDES = ("ours", "RecBole")


def write(root: Path, users: int, items: int) -> None:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.geometric(1 / 6, users) + 3, 4, 49)
    popularity = 1 / np.arange(1, items + 1) ** 0.8
    drawn = rng.choice(items, int(lengths.sum()), p=popularity / popularity.sum())
    drawn[:items] = np.arange(items)  # every item is in the catalogue
    rng.shuffle(drawn)
    folder = root / "benchmark"
    folder.mkdir()
    with (folder / "benchmark.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        first = 0
        for user, length in enumerate(lengths.tolist()):
            file.writelines(f"{user}\t{item}\t{t}\n" for t, item in enumerate(drawn[first : first + length].tolist()))
            first += length


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_side(side: str, root: Path, threads: int, mask: bool) -> None:
    from recbole.data import data_preparation
    from recbole.model.sequential_recommender import SASRec
    from recbole.trainer import Trainer

    from recbole_metarec.bridge.config import PluginConfig
    from recbole_metarec.bridge.dataset import DomainDataset
    from recbole_metarec.models.metarec.model import MetaRec
    from recbole_metarec.models.metarec.trainer import MetaRecTrainer

    torch.set_num_threads(threads)
    settings = {"data_path": str(root), "gpu_id": "", "state": "ERROR", "mask_history": mask, "eval_batch_size": 4096}
    settings |= {"checkpoint_dir": str(root), "topk": [5, 10, 20], "metrics": ["NDCG", "Recall", "MRR", "Hit"]}
    config = PluginConfig("SASRec", "benchmark", settings)
    train_data, valid_data, _ = data_preparation(config, DomainDataset(config))
    torch.manual_seed(0)
    sasrec = SASRec(config, train_data._dataset)
    with torch.no_grad():
        sasrec.item_embedding.weight.mul_(50)  # untrained scores are all but tied
    trainer = Trainer(config, sasrec)
    if side == "ours":
        config = PluginConfig(
            "MetaRec",
            "benchmark",
            {**settings, "quantizer": False, "positions": "start", "memory_weight": 0, "repeat_items": True},
        )
        model = MetaRec(config, train_data._dataset)
        sasrec_twin.take_over(model, sasrec)
        trainer = MetaRecTrainer(config, model)
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    metrics = trainer.evaluate(valid_data, load_best_model=False)
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - wall,
                "cpu": time.process_time() - cpu,
                "mb": peak_mb() - before,
                "metrics": {name: float(value) for name, value in metrics.items()},
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mask", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side, options.root, options.threads, options.mask)
        return
    found: dict[str, list[dict]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as root:
        write(Path(root), options.users, options.items)
        for _ in range(options.repeats):
            for side in SIDES:
                command = [sys.executable, __file__, f"--side={side}", f"--root={root}", f"--threads={options.threads}"]
                command += ["--mask"] * options.mask
                done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
                found[side].append(json.loads(done.stdout.splitlines()[-1]))
                print(side, found[side][-1], file=sys.stderr, flush=True)
    middle = {s: {k: statistics.median(run[k] for run in found[s]) for k in ("wall", "cpu", "mb")} for s in SIDES}
    print("| side | wall, s | CPU, s | memory, MB |\n|---|--:|--:|--:|")
    for side in SIDES:
        print(f"| {side} | {middle[side]['wall']:.1f} | {middle[side]['cpu']:.1f} | {middle[side]['mb']:.0f} |")
    print(
        "ratios: " + ", ".join(f"{k} {middle['RecBole'][k] / max(middle['ours'][k], 1e-9):.1f}" for k in middle["ours"])
    )
    ours, stock = (found[side][0]["metrics"] for side in SIDES)
    print(f"largest difference of a metric: {max(abs(ours[name] - stock[name]) for name in ours):.1e}")


if __name__ == "__main__":
    main()
