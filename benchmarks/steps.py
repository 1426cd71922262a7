"""What a training step costs: the quantizer's share, meta steps, large catalogues, and the rate of arithmetic.

    python benchmarks/steps.py [--threads=2] [--repeats=15] [quantizer meta catalogue rate]

Domains are synthetic: lengths geometric with mean 9, items by popularity. What is compared alternates step by step in
one process; CPU milliseconds of all threads, medians, lower and upper quartile.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import nn

import recbole_metarec  # noqa: F401
from recbole_metarec.domains.domain import Domain, DomainSuite
from recbole_metarec.models.metarec.model import build_encoder
from recbole_metarec.models.metarec.settings import MetaRecSettings
from recbole_metarec.models.metarec.steps import MetaSteps
from recbole_metarec.models.metarec.tasks import make_tasks
from recbole_metarec.runs.peak import peak_megabytes


def synthetic(name: str, users: int, items: int, mean: float = 9.0, longest: int = 50) -> Domain:
    """A domain with geometric lengths from 3 on and items drawn by popularity."""
    rng = np.random.default_rng(sum(map(ord, name)))
    lengths = np.clip(rng.geometric(1 / (mean - 2), users) + 2, 3, longest)
    popularity = np.cumsum(1 / np.arange(1, items + 1) ** 0.8)
    drawn = np.searchsorted(popularity, rng.random(int(lengths.sum())) * popularity[-1], side="right") + 1
    offsets = np.zeros(users + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Domain(name, np.minimum(drawn, items).astype(np.int32), offsets, items)


def make_learner(target: Domain, sources: tuple[Domain, ...] = (), **changes: Any) -> MetaSteps:
    """A learner at the beginning of its training, defaults but for what is changed."""
    settings = MetaRecSettings(seed=1, **changes)
    torch.manual_seed(0)
    encoder = build_encoder(settings).train()
    table = nn.Parameter(torch.randn(target.n_items + 1, settings.hidden_size) * settings.initializer_range)
    learner = MetaSteps(encoder, make_tasks(DomainSuite(target, sources), table, settings), settings, autocast=False)
    return learner


def alternate(steps: dict[str, Callable[[int], object]], repeats: int) -> dict[str, list[float]]:
    """Take each kind of step in turn, and return CPU milliseconds."""
    found: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(repeats + 3):
        for name, step in steps.items():
            begin = time.process_time()
            step(number)
            if number >= 3:
                found[name].append(1e3 * (time.process_time() - begin))
    return found


def middle(values: list[float]) -> str:
    low, median, high = statistics.quantiles(values, n=4)
    return f"{median:.1f} ({low:.1f}-{high:.1f})"


def plain(learner: MetaSteps) -> Callable[[int], object]:
    return lambda number: learner.plain_step(learner.tasks[0], 0, number)


def quantizer(repeats: int) -> None:
    """The quantizer's share of a step (D 64, heads and codes of the defaults)."""
    print("| items | softmax | without quantizer, CPU ms | with, CPU ms | more |\n|--:|---|--:|--:|--:|")
    for items, softmax in ((2420, "full"), (2420, "sampled"), (20_000, "full"), (20_000, "sampled")):
        domain = synthetic("target", 5000, items)
        found = alternate(
            {str(used): plain(make_learner(domain, quantizer=used, softmax=softmax)) for used in (False, True)}, repeats
        )
        more = statistics.median(found["True"]) / statistics.median(found["False"]) - 1
        print(
            f"| {items:,} | {softmax} | {middle(found['False'])} | {middle(found['True'])} | {more:+.0%} |", flush=True
        )


def meta(repeats: int) -> None:
    """A meta step against as many plain steps as it has domains."""
    target = synthetic("target", 5000, 2420)
    print("| sources | meta step | CPU ms | plain steps on all domains, CPU ms | ratio |\n|--:|---|--:|--:|--:|")
    for number in (2, 4, 8):
        sources = tuple(synthetic(f"source {i}", 5000, 2420) for i in range(number))
        kinds = {
            "first order": {"split_target": True},
            "first order, whole target batch": {"split_target": False},
            "second order": {"split_target": True, "second_order": True},
        }
        for kind, changes in kinds.items():
            learner = make_learner(target, sources, sources_per_step=number, **changes)
            reference = make_learner(target, sources)

            def all_plain(step: int, learner: MetaSteps = reference) -> None:
                for task in learner.tasks:
                    learner.plain_step(task, 0, step)

            found = alternate({"meta": lambda step, it=learner: it.meta_step(0, step), "plain": all_plain}, repeats)
            ratio = statistics.median(found["meta"]) / statistics.median(found["plain"])
            print(
                f"| {number} | {kind} | {middle(found['meta'])} | {middle(found['plain'])} | {ratio:.2f} |", flush=True
            )


def peak_mb() -> float:
    """Peak of this process' resident set; getrusage would count the parent's, too."""
    return peak_megabytes() * 2**20 / 1e6


def catalogue(repeats: int) -> None:
    """Time and memory of a step against the size of the catalogue, sampled softmax."""
    print("| items | CPU ms a step | table and optimizer state, MB | peak memory beyond them, MB |\n|--:|--:|--:|--:|")
    context = multiprocessing.get_context("spawn")
    for items in (1_000, 10_000, 100_000, 1_000_000):
        with ProcessPoolExecutor(1, context) as alone:  # peak memory is that of a process
            found, state, peak = alone.submit(catalogue_of, items, repeats, torch.get_num_threads()).result()
        print(f"| {items:,} | {middle(found)} | {state:.0f} | {peak - state:.0f} |", flush=True)


def catalogue_of(items: int, repeats: int, threads: int) -> tuple[list[float], float, float]:
    """CPU milliseconds of steps, MB of table and optimizer state, MB by which the process grew."""
    torch.set_num_threads(threads)
    domain = synthetic("target", 200_000, items)
    before = peak_mb()
    learner = make_learner(domain, softmax="sampled")
    found = alternate({"step": plain(learner)}, 4 * repeats)["step"]
    return found, 3 * learner.tasks[0].table.nbytes / 1e6, peak_mb() - before


def matmul_rate() -> float:
    """The machine's own rate: 2048 x 2048 single precision, GFLOP a CPU second."""
    x = torch.randn(2048, 2048)
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        x @ x
        seconds.append(time.process_time() - begin)
    return 2 * 2048**3 / statistics.median(seconds) / 1e9


def rate(repeats: int) -> None:
    """Arithmetic of forward and backward of the backbone alone, against a large matrix product."""
    domain = synthetic("target", 5000, 2420)
    print("| batch | dropout | GFLOP a CPU second | of matrix products |\n|--:|--:|--:|--:|")
    for batch in (128, 512):
        for dropout in (0.5, 0.0):
            learner = make_learner(domain, train_batch_size=batch, hidden_dropout_prob=dropout)
            body, task = learner.encoder.backbone, learner.tasks[0]
            drawn = [task.draw(0, step).batches[0].inputs_BL for step in range(4)]
            inputs = [torch.nn.functional.embedding(x, task.table.detach()).requires_grad_() for x in drawn]
            flop = []
            for x in inputs:
                b, length, d = x.shape
                layer = b * length * (2 * 4 * d * d + 2 * 2 * d * 256) + 2 * 2 * b * length * length * d
                flop.append(3 * 2 * layer)
            found, own = [], []
            for number in range(repeats):
                begin = time.process_time()
                body(inputs[number % 4]).sum().backward()
                found.append(flop[number % 4] / (time.process_time() - begin) / 1e9)
                own.append(matmul_rate())
            rate, best = statistics.median(found), statistics.median(own)
            print(f"| {batch} | {dropout} | {rate:.0f} | {rate / best:.0%} of {best:.0f} |", flush=True)


def main() -> None:
    parts = {"quantizer": quantizer, "meta": meta, "catalogue": catalogue, "rate": rate}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("parts", nargs="*", choices=[*parts, []], default=[])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.parts or parts:
        print(f"\n{parts[name].__doc__}\n")
        parts[name](options.repeats)


if __name__ == "__main__":
    main()
