"""Answers of a recommender on one core: one sequence, batches, and loading, of synthetic models.

    python benchmarks/inference.py requests [--items=20000] [--users=20000] [--inter=NAME.inter]
    python benchmarks/inference.py recbole [--items=20000] [--users=20000]
    python benchmarks/inference.py index [--items=1000000] [--users=200000] [--kinds none memory timed]
    python benchmarks/inference.py load [--items=1000000] [--users=100000]

Vectors and weights are random (width 64, a Transformer of two layers); sequences are drawn by popularity over 400 days,
9 items a user on average. For the index, items lie around 2,000 centres, and 200 sequences are drawn as
`recbole-metarec export` draws them. Beside each model's time stands that of the product of the same states with all
items' vectors; sides alternate, and a ratio is one of medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import made

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.export.index import DaysQuestions, NeighbourIndex, answer, recall, sample
from recbole_metarec.inference.recommender import Recommender, load
from recbole_metarec.settings.evidence import EvidenceSettings

DAYS, WIDTH, LENGTH = 400, 64, 50
KINDS = ("none", "memory", "timed")


def make(kind: str, domain: Domain) -> Recommender:
    encoder = made.make_encoder("transformer", width=WIDTH, max_length=LENGTH)
    settings = EvidenceSettings()
    evidence = made.make_evidence(domain, kind, settings=settings)
    if evidence.weights.timed is not None:
        evidence.weights.timed.weights[-1].abs_()  # of the model's score, which nobody learns to distrust
    return made.make_recommender(domain, evidence, encoder, settings=settings)


def synthetic(n_items: int, n_users: int) -> Domain:
    return made.make_domain(n_items, n_users, longest=16, n_days=DAYS, skew=0.8)


def real(path: Path) -> Domain:
    """Read a RecBole file of interactions with times in seconds."""
    frame = pd.read_csv(path, sep="\t").sort_values(["user_id:token", "timestamp:float"], kind="stable")
    items = pd.factorize(frame["item_id:token"])[0] + 1
    offsets = np.append(0, np.cumsum(frame.groupby("user_id:token").size()))
    times = frame["timestamp:float"].to_numpy(np.float64)
    return Domain(path.stem, items.astype(np.int32), offsets, int(items.max()), times)


def lists(domain: Domain, size: int) -> list[list[str]]:
    chosen = np.random.default_rng(1).choice(domain.n_sequences, size)
    ends = zip(domain.offsets[chosen], domain.offsets[chosen + 1], strict=True)
    return [[f"i{item}" for item in domain.items[begin:end]] for begin, end in ends]


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def time_batches(rec: Recommender, batches: list[list[list[str]]], at: float) -> tuple[list[float], list[float]]:
    """Time answers, and the products of states and items in them."""
    rec.recommend(batches[0], at=at)
    answers, products = [], []
    for batch in batches:
        answers.append(seconds(partial(rec.recommend, batch, at=at)))
        states_BD = rec.scorer.states(rec.requests(batch, at))
        products.append(seconds(partial(torch.matmul, states_BD, rec.scorer.outputs.T)))
    return answers, products


def requests(domain: Domain, kinds: Sequence[str]) -> None:
    assert domain.times is not None
    at = float(domain.times.max() + DAY)
    print("| evidence | sequences | p50, ms | p99, ms | its product, p50, ms | ratio |\n|---|--:|--:|--:|--:|--:|")
    for kind in kinds:
        rec = make(kind, domain)
        for size, repeats in ((1, 500), (64, 30), (1024, 5)):
            drawn = lists(domain, size * repeats)
            batches = [drawn[begin : begin + size] for begin in range(0, len(drawn), size)]
            times, products = time_batches(rec, batches, at)
            p50, p99, product = np.median(times), np.quantile(times, 0.99), np.median(products)
            row = f"{p50 * 1e3:.2f} | {p99 * 1e3:.2f} | {product * 1e3:.2f} | {p50 / product:.2f}"
            print(f"| {kind} | {size} | {row} |", flush=True)


def recbole(n_items: int, n_users: int, kinds: Sequence[str]) -> None:
    """Time `full_sort_topk` of RecBole's SASRec, of the same width and depth, whose users must be those of its data."""
    import evaluation
    from recbole.data import data_preparation
    from recbole.model.sequential_recommender import SASRec
    from recbole.utils.case_study import full_sort_topk

    from recbole_metarec.bridge.config import PluginConfig
    from recbole_metarec.bridge.dataset import DomainDataset

    with tempfile.TemporaryDirectory() as folder:
        evaluation.write(Path(folder), n_users, n_items)
        settings = {"data_path": folder, "checkpoint_dir": folder, "gpu_id": "", "state": "ERROR", "hidden_size": WIDTH}
        config = PluginConfig("SASRec", "benchmark", settings)
        train_data, _, test_data = data_preparation(config, DomainDataset(config))
        model = SASRec(config, train_data._dataset).eval()
        print("| users | p50, ms | p99, ms |\n|--:|--:|--:|")
        for size, repeats in ((1, 200), (64, 20), (1024, 5)):
            drawn = np.random.default_rng(1).integers(1, n_users + 1, (repeats + 1, size))
            calls = [partial(full_sort_topk, np.unique(users), model, test_data, k=10) for users in drawn]
            with torch.no_grad():
                times = [seconds(call) for call in calls][1:]
            print(f"| {size} | {np.median(times) * 1e3:.2f} | {np.quantile(times, 0.99) * 1e3:.2f} |", flush=True)


def loading(n_items: int, n_users: int, kinds: Sequence[str]) -> None:
    domain = synthetic(n_items, n_users)
    print(f"{domain.n_interactions:,} interactions\n\n| evidence | MB | load, s |\n|---|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            path = made.save(make(kind, domain), Path(folder) / f"{kind}.safetensors")
            times = [seconds(partial(load, path)) for _ in range(3)]
            print(f"| {kind} | {path.stat().st_size / 1e6:.0f} | {statistics.median(times):.2f} |", flush=True)


def clustered(n_items: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(2_000, WIDTH, generator=generator)
    chosen = torch.randint(len(centres), (n_items + 1,), generator=generator)
    return centres[chosen] + 0.5 * torch.randn(n_items + 1, WIDTH, generator=generator)


def indexes(n_items: int, n_users: int, kinds: Sequence[str]) -> None:
    domain, day = synthetic(n_items, n_users), made.FIRST_DAY + DAYS
    print(
        "| evidence | build, s | MB | neighbours | Recall@10 | p50, ms | exact p50, ms | ratio |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|"
    )
    for kind in kinds:
        scorer = replace(make(kind, domain).scorer, outputs=clustered(n_items))
        questions = DaysQuestions(scorer, day)
        start = time.perf_counter()
        index = NeighbourIndex(questions.vectors)
        build, size = time.perf_counter() - start, len(index.save()) / 1e6
        asked = sample(scorer, day, 200)
        single = [asked.take(slice(row, row + 1)) for row in range(asked.size)]
        scorer.top(single[0], 10)
        exact = np.median([seconds(partial(scorer.top, one, 10)) for one in single])
        for n in (50, 200, 800):
            answers = [seconds(lambda one=one, n=n, q=questions, i=index: of_index(q, i, one, n)) for one in single]
            found, p50 = recall(questions, index, asked, n=n), np.median(answers)
            row = f"{build:.0f} | {size:.0f} | {n} | {found:.4f} | {p50 * 1e3:.2f} | {exact * 1e3:.1f}"
            print(f"| {kind} | {row} | {p50 / exact:.3f} |", flush=True)


def of_index(questions: DaysQuestions, index: NeighbourIndex, one: Requests, n: int) -> None:
    (asked,) = questions.ask(one)
    answer(index, questions.vectors, asked, 10, n, one.items[one.begin[0] : one.end[0]].tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["requests", "recbole", "index", "load"])
    parser.add_argument("--items", type=int)
    parser.add_argument("--users", type=int)
    parser.add_argument("--inter", type=Path, help="real interactions in the place of drawn ones, for requests")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "requests":
        sizes = options.items or 20_000, options.users or 20_000
        requests(real(options.inter) if options.inter else synthetic(*sizes), options.kinds)
    elif options.what == "recbole":
        recbole(options.items or 20_000, options.users or 20_000, options.kinds)
    elif options.what == "index":
        indexes(options.items or 1_000_000, options.users or 200_000, options.kinds)
    else:
        loading(options.items or 1_000_000, options.users or 100_000, options.kinds)


if __name__ == "__main__":
    main()
