"""End one of several processes that train together at a random moment, let any number go on, and compare the results.

    python benchmarks/kills_of_processes.py [--kills=8] [--seed=0]

The domains and runs of `benchmarks/kills.py`. Numbers of processes, the one that is ended, the signal and the moment
are drawn at random. Metrics must be those of one process that was not ended, weights up to the rounding of floats.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import kills
import numpy as np
import torch

from recbole_metarec.training import checkpoint

COMMAND = [sys.executable, str(kills.REPOSITORY / "run_recbole_metarec.py")]


def start(folder: Path, model: str, number: int, *more: str) -> subprocess.Popen[bytes]:
    """Start a run in a number of processes."""
    several = [f"--nproc={number}"] if number > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(kills.REPOSITORY)}
    with (folder / "said").open("a") as said:
        command = [*COMMAND, *kills.COMMON, *kills.RUNS[model], *several, *more]
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)


def children(process: int) -> list[int]:
    """List the processes that one has started."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def found(folder: Path) -> list[tuple[str, dict[str, float], dict[str, torch.Tensor]]]:
    """Return what a run gave: of each model its name, metrics and weights."""
    runs = json.loads((folder / "result.json").read_text())["runs"]
    weights = [checkpoint.load(folder / run["checkpoint"])["state_dict"] for run in runs]
    names = [f"{run['model']} {run['variant']}" for run in runs]
    return list(zip(names, [run["test"] for run in runs], weights, strict=True))


def is_same(whole: Any, again: Any) -> bool:
    """Whether two runs gave the same."""
    for (name, metrics, weights), (other_name, other_metrics, other_weights) in zip(whole, again, strict=True):
        if name != other_name or any(abs(metrics[key] - other_metrics[key]) > 1e-9 for key in metrics):
            return False
        if not all(torch.allclose(weights[key], other_weights[key], rtol=1e-3, atol=1e-4) for key in weights):
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    print("| model | processes | ended | by | behind, s | all ended within, s | went on with | the same |")
    print("|---|--:|--:|---|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory() as name:
        root, whole, seconds = Path(name), {}, {}
        for domain in ("target", *kills.SOURCES):
            kills.write_domain(root / "data", domain, 40, rng)
        for model in kills.RUNS:
            folder, begin = kills.new_folder(root, f"{model}-whole"), time.monotonic()
            assert start(folder, model, 1).wait() == 0, (folder / "said").read_text()
            whole[model], seconds[model] = found(folder), time.monotonic() - begin
        for trial in range(asked.kills):
            model, folder = [*kills.RUNS][trial % len(kills.RUNS)], kills.new_folder(root, str(trial))
            before, after = rng.integers(2, 4), rng.integers(1, 4)
            behind = float(rng.uniform(0.3, 1.5)) * seconds[model]
            number = signal.SIGKILL if rng.random() < 0.5 else signal.SIGTERM
            run, victim = start(folder, model, int(before)), int(rng.integers(before))
            time.sleep(behind)
            there = children(run.pid) if run.poll() is None else []
            begin = time.monotonic()
            if len(there) == before:
                os.kill(there[victim], number)
            status = run.wait()
            ended = f"{time.monotonic() - begin:.1f}" if status else "had finished"
            went_on = start(folder, model, int(after), "--resume=auto").wait() == 0
            same = "yes" if went_on and is_same(whole[model], found(folder)) else "NO"
            row = (model, before, victim, number.name, f"{behind:.0f}", ended, after, same)
            print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
