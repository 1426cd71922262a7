"""What a meta step costs in several processes: windows of every domain dealt to them, against whole sources dealt.

    python benchmarks/processes.py [--processes=2] [--repeats=40] [--batch=128] [--sources 4 8]

The domains of `benchmarks/steps.py`, one thread for each process. Dealt windows are what training does. Dealt sources
are a trial of this file: a process takes the inner steps of its sources on whole batches, and gradients are added up
once. Both alternate step by step; milliseconds of the clock and of the CPU in the first process, medians. The volume is
what a process hands to the others to add up, in MB a step.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist
from steps import make_learner, synthetic

from recbole_metarec.models.metarec.steps import MetaSteps, _BatchLoss
from recbole_metarec.training import sampler, world
from recbole_metarec.training.finite import take_step
from recbole_metarec.training.processes import join, leave
from recbole_metarec.transfer.meta import source_gradient, source_weights

ALONE = SimpleNamespace(number=lambda: 0, size=lambda: 1)


def step_of_dealt_sources(learner: MetaSteps, number: int) -> None:
    """Take a meta step whose sources are dealt to the processes; theirs are whole batches."""
    settings, theta, target = learner.settings, learner._theta(), learner.tasks[0]
    sources = learner.tasks[1:]
    sampler.world = ALONE  # type: ignore[assignment]
    batch = target.draw(0, number, len(sources))
    drawn = [source.draw(0, number) for source in sources]
    sampler.world = world
    rows, similarities = target.rows(batch), torch.zeros(len(sources))
    by_table = {place: torch.zeros_like(source.rows(drawn[place])) for place, source in enumerate(sources)}
    mine = range(world.number(), len(sources), world.size())
    found, codes = {}, None
    for place in mine:
        source, own = sources[place], sources[place].rows(drawn[place])
        of_source, of_target = (
            _BatchLoss(learner, source, drawn[place]),
            _BatchLoss(learner, target, batch, place, codes),
        )
        found[place] = source_gradient(of_source, of_target, theta, own, rows, learner.inner_rates)
        by_table[place], similarities[place] = found[place].source_table, found[place].similarity
        learner._note(of_source)
        codes = of_target.codes
    learner._note(of_target)
    world.sum_([similarities])
    weights = source_weights(similarities, settings.temperature)
    loss = torch.stack([weights[place] * found[place].loss for place in mine]).sum()
    total = [torch.zeros_like(rows), *(torch.zeros_like(value) for value in theta.values())]
    for place in mine:
        one, share = found[place], settings.source_share
        parts = [one.table, *(one.meta[name] + share * one.source[name] for name in theta)]
        torch._foreach_add_(total, torch._foreach_mul(parts, weights[place]))
    quantizer = learner.encoder.quantizer
    world.sum_([loss, *total, *by_table.values(), *([quantizer.usage.clone()] if quantizer is not None else [])])
    for parameter, gradient in zip(theta.values(), total[1:], strict=True):
        parameter.grad = gradient
    target.set_gradient(batch, total[0])
    for place, source in enumerate(sources):
        source.set_gradient(drawn[place], by_table[place])
    take_step(learner.optimizer, settings.clip_grad_norm, learner.gate, loss, "")


def counted(volumes: list[int]) -> None:
    """Take note of what is handed over."""
    stock: Callable[..., Any] = dist.all_reduce

    def noting(tensor: torch.Tensor, *more: Any, **options: Any) -> Any:
        volumes.append(tensor.nbytes)
        return stock(tensor, *more, **options)

    dist.all_reduce = noting


def measure(environment: dict[str, str], options: argparse.Namespace) -> None:
    """Take both kinds of steps in turn, in one process of several."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    join("")
    volumes: list[int] = []
    counted(volumes)
    for items, softmax in ((2_420, "full"), (20_000, "sampled")):
        for number in options.sources:
            target = synthetic("target", 5000, items)
            sources = tuple(synthetic(f"source {place}", 5000, items) for place in range(number))
            kinds: dict[str, Callable[[int], object]] = {}
            changes: dict[str, Any] = {"softmax": softmax, "split_target": True, "sources_per_step": number}
            changes["train_batch_size"] = options.batch
            dealt = make_learner(target, sources, **changes)
            kinds["windows"] = lambda step, learner=dealt: learner.meta_step(0, step)
            if world.size() > 1:
                others = make_learner(target, sources, **changes)
                kinds["sources"] = lambda step, learner=others: step_of_dealt_sources(learner, step)
            found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}
            for step in range(options.repeats + 3):
                for kind, take in kinds.items():
                    world.wait()
                    volumes.clear()
                    begin = time.perf_counter(), time.process_time()
                    take(step)
                    ended = time.perf_counter(), time.process_time()
                    if step >= 3:
                        spent = [1e3 * (end - start) for start, end in zip(begin, ended, strict=True)]
                        found[kind].append((*spent, sum(volumes) / 1e6))
            for kind, values in found.items() if world.is_first() else ():
                clock, cpu, volume = (statistics.median(each) for each in zip(*values, strict=True))
                dealing = kind if world.size() > 1 else "nothing"
                row = (
                    world.size(),
                    f"{items:,}",
                    softmax,
                    number,
                    dealing,
                    f"{clock:.0f}",
                    f"{cpu:.0f}",
                    f"{volume:.1f}",
                )
                print(f"| {' | '.join(map(str, row))} |", flush=True)
    leave()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--sources", type=int, nargs="+", default=[4, 8])
    options = parser.parse_args()
    print("| processes | items | softmax | sources | batch | dealt | ms | CPU ms | MB |")
    print("|--:|--:|---|--:|--:|---|--:|--:|--:|")
    for size in (1, options.processes):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            places = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        context = multiprocessing.get_context("spawn")
        started = [
            context.Process(target=measure, args=({"RANK": str(rank), "LOCAL_RANK": str(rank), **places}, options))
            for rank in range(size)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join()


if __name__ == "__main__":
    main()
