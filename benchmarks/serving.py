"""How many requests a second the service answers, and how long each takes.

A model is trained for an epoch on a drawn domain of 20,000 items whose clock is known, served by ``recbole-metarec
serve`` in a process of its own, and asked for one sequence a request over so many connections at once.

    python benchmarks/serving.py [--model=MetaRec] [--connections=1,4,16] [--requests=2000] [--checkpoint=PATH]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import recbole_metarec as rm

REPOSITORY = Path(__file__).parent.parent
NAME, N_USERS, N_ITEMS = "drawn", 4_000, 20_000
HEAD = b"POST /recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


def write(path: Path, seed: int = 0) -> None:
    """Write a domain in which every item is had, half of the interactions fall by Zipf's law, over two years."""
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, N_ITEMS + 1)
    drawn = rng.choice(N_ITEMS, 10 * N_USERS - N_ITEMS, p=popularity / popularity.sum())
    items = rng.permutation(np.concatenate([np.arange(N_ITEMS), drawn]))
    users, times = np.repeat(np.arange(N_USERS), 10), rng.integers(1_500_000_000, 1_563_072_000, len(items))
    lines = (f"u{user}\ti{item:05}\t{time}" for user, item, time in zip(users, items, times, strict=True))
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *lines, ""]), encoding="utf-8")


def trained(model: str, folder: Path) -> Path:
    """Train for an epoch; returns the checkpoint."""
    write(folder / NAME / f"{NAME}.inter")
    settings = {"dataset": NAME, "data_path": str(folder), "checkpoint_dir": str(folder / "saved"), "epochs": 1}
    run, *_ = rm.run(settings, model=model, source_datasets=[], scratch_control=False, show_progress=False)
    return Path(str(run.checkpoint))


@contextmanager
def serving(checkpoint: Path) -> Iterator[int]:
    """Serve a checkpoint; gives the port."""
    command = [sys.executable, str(REPOSITORY / "run_recbole_metarec.py"), "serve", str(checkpoint), "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            line = next(line for line in server.stdout if line.startswith("http://"))
            yield int(line.split()[0].rpartition(":")[2])
        finally:
            server.kill()


def bodies(item_ids: list[str], n_requests: int) -> list[bytes]:
    """Draw requests for sequences of 1 to 50 items, the popular ones more often."""
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(1, len(item_ids) + 1)
    popularity /= popularity.sum()
    drawn = (rng.choice(item_ids, rng.integers(1, 51), p=popularity).tolist() for _ in range(n_requests))
    return [json.dumps({"sequences": [sequence], "k": 10}).encode() for sequence in drawn]


async def ask(port: int, waiting: Iterator[bytes], seconds: list[float]) -> None:
    """Ask one request after the other over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in waiting:
        start = time.perf_counter()
        head = (
            f"POST /recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        )
        writer.write(head.encode() + b"\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert found is not None
        await reader.readexactly(int(found[1]))
        seconds.append(time.perf_counter() - start)
    writer.close()


async def load(port: int, requests: list[bytes], connections: int) -> tuple[float, list[float]]:
    """Ask over several connections; returns wall seconds and those of each request."""
    waiting, seconds = iter(requests), list[float]()
    start = time.perf_counter()
    await asyncio.gather(*(ask(port, waiting, seconds) for _ in range(connections)))
    return time.perf_counter() - start, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="MetaRec")
    parser.add_argument("--connections", default="1,4,16")
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--checkpoint", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = arguments.checkpoint or trained(arguments.model, Path(folder))
        item_ids = rm.load(checkpoint).item_ids
        requests = bodies(item_ids, arguments.requests)
        print(f"{len(item_ids):,} items, {os.cpu_count()} cores, {arguments.requests:,} requests of one sequence, k 10")
        print("| connections | requests/s | p50, ms | p99, ms |")
        print("|--:|--:|--:|--:|")
        with serving(checkpoint) as port:
            asyncio.run(load(port, requests[:200], 4))  # to warm up
            for connections in map(int, arguments.connections.split(",")):
                wall, seconds = asyncio.run(load(port, requests, connections))
                p50, p99 = 1e3 * np.percentile(seconds, [50, 99])
                print(f"| {connections} | {len(requests) / wall:.0f} | {p50:.1f} | {p99:.1f} |", flush=True)


if __name__ == "__main__":
    main()
