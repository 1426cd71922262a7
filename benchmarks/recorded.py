"""The tables of runs on Amazon targets that are recorded in `benchmarks/results/transfer/`.

    python benchmarks/recorded.py --suite office --users 0.1

Each file is a run: its test ranks up to 10 with the history masked and not, 0 below, and what else there is to say of
it. Targets stand in the same order in all files of a suite.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recbole_metarec.evaluation.ranking import Floats, metric_of_ranks
from recbole_metarec.evaluation.significance import Change, paired_bootstrap
from recbole_metarec.evaluation.targets import Ranks
from recbole_metarec.runs.stored import unpack_ranks

FOLDER = Path(__file__).parent / "results" / "transfer"
PROTOCOLS = ("masked", "unmasked")
# What a variant is compared with: the same model from scratch; RecBole's models with whichever there is.
REFERENCES = ("scratch", "ant-scratch")
HEADER = (
    "| variant | seeds | NDCG@10 masked | Recall@10 masked | NDCG@10 unmasked | Recall@10 unmasked | "
    "NDCG@10 masked against its scratch | unmasked | CPU seconds |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)
TITLES = {
    "metarec": "MetaRec",
    "hostile": "MetaRec, one more source in random order",
    "joint": "pre-training on the sources, then fine-tuning",
    "maml": "plain MAML: equal weights, target gradients alone",
    "finetune": "MetaRec, then fine-tuning",
    "frozen": "MetaRec, then fine-tuning of the item embeddings alone",
    "no-quantizer": "MetaRec without quantizer",
    "no-memory": "MetaRec without memory",
    "features": "MetaRec with item features",
    "scratch": "scratch",
    "memory": "the memory alone",
    "scratch-features": "scratch with item features",
    "scratch-no-quantizer": "scratch without quantizer",
    "scratch-no-memory": "scratch without memory",
    "scratch-plain": "scratch without either",
    "ant": "ANT, re-learning",
    "ant-finetune": "ANT, fine-tuning",
    "ant-frozen": "ANT, all frozen but items' embeddings",
    "ant-zero-shot": "ANT, all frozen, inductive",
    "ant-no-memory": "ANT, re-learning, without memory",
    "ant-scratch": "ANT, scratch",
    "ant-scratch-no-memory": "ANT, scratch, without memory",
    "ant-scratch-mixture": "ANT, scratch, eight experts",
    "ant-scratch-no-text": "ANT, scratch, without text",
    "ant-scratch-no-image": "ANT, scratch, without images",
    "ant-scratch-no-price": "ANT, scratch, without prices",
    "ant-scratch-no-fusion": "ANT, scratch, without fusion",
    **{name.lower(): f"RecBole {name}" for name in ("SASRec", "GRU4Rec", "BERT4Rec", "LightSANs", "CORE")},
    "sasrecf": "RecBole SASRecF, titles",
    "fdsa": "RecBole FDSA, titles",
}


class Recorded(NamedTuple):
    """A run: ranks of each test target by protocol, and facts (model, settings, epochs, cpu_seconds, stopped, ...)."""

    ranks: dict[str, Ranks]
    facts: dict[str, Any]

    def values(self, protocol: str, metric: str) -> Floats:
        return metric_of_ranks(metric, self.ranks[protocol])


def load(path: Path) -> Recorded:
    facts = json.loads(path.read_text(encoding="utf-8"))
    # ranks up to 10 are bytes
    return Recorded({protocol: unpack_ranks(text, "u1") for protocol, text in facts.pop("ranks").items()}, facts)


def table(folder: Path, suite: str, users: float, seeds: range) -> str:
    """Lay out what is recorded of a suite, as Markdown.

    Means over seeds, the standard deviation behind them; changes with the 95% interval of a paired bootstrap over
    users and the seeds that both variants have, and the change of each seed. `*` marks runs that a cap on CPU seconds
    ended.
    """
    place = folder / suite / f"users-{users:g}"
    runs = {
        name: {seed: load(path) for seed in seeds if (path := place / f"{name}-{seed}.json").exists()}
        for name in TITLES
    }
    rows = [_row(name, of_seeds, runs[_reference(of_seeds, runs)]) for name, of_seeds in runs.items() if of_seeds]
    return "\n".join([f"### {suite}, {users:.0%} of the target's training users", "", HEADER, *rows])


def _reference(of_seeds: dict[int, Recorded], runs: dict[str, dict[int, Recorded]]) -> str:
    metarec, ant = REFERENCES
    (model, *_) = (run.facts["model"] for run in of_seeds.values())
    if model == "ANT":
        return ant
    return metarec if model == "MetaRec" or runs[metarec] else ant


def _row(name: str, runs: dict[int, Recorded], reference: dict[int, Recorded]) -> str:
    capped = any(run.facts["stopped"] == "cap" for run in runs.values())
    cells = [TITLES[name] + "*" * capped, str(len(runs))]
    cells += [_mean(runs, protocol, metric) for protocol in PROTOCOLS for metric in ("ndcg@10", "recall@10")]
    shared = [] if name in REFERENCES else sorted(runs.keys() & reference.keys())
    cells += [_change(runs, reference, shared, protocol) if shared else "" for protocol in PROTOCOLS]
    cells.append(f"{np.mean([run.facts['cpu_seconds'] for run in runs.values()]):,.0f}")
    return f"| {' | '.join(cells)} |"


def _mean(runs: dict[int, Recorded], protocol: str, metric: str) -> str:
    means = [run.values(protocol, metric).mean() for run in runs.values()]
    return f"{np.mean(means):.4f} ± {np.std(means, ddof=1):.4f}" if len(means) > 1 else f"{means[0]:.4f}"


def _change(runs: dict[int, Recorded], reference: dict[int, Recorded], seeds: list[int], protocol: str) -> str:
    ours, theirs = (
        np.stack([of_seeds[seed].values(protocol, "ndcg@10") for seed in seeds]) for of_seeds in (runs, reference)
    )
    return _written(paired_bootstrap(ours, theirs, 2000, 0), shows_seeds=protocol == "masked")


def _written(change: Change, shows_seeds: bool) -> str:
    interval = f"{change.low:+.1%} to {change.high:+.1%}"
    if len(change.of_seeds) == 1:
        interval += "; one seed"
    elif shows_seeds:
        interval += f"; by seed {', '.join(f'{each:+.1%}' for each in change.of_seeds)}"
    return f"{change.relative:+.1%} ({interval})"


def main() -> None:
    there = sorted({path.parts[-3:-1] for path in FOLDER.glob("*/*/*.json")})
    suites = list(dict.fromkeys(suite for suite, _ in there))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", nargs="+", default=suites, choices=suites)
    parser.add_argument("--users", nargs="+", type=float, default=[1.0, 0.1], help="shares of the training users")
    options = parser.parse_args()
    for suite in options.suite:
        for users in options.users:
            if (suite, f"users-{users:g}") in there:
                print(table(FOLDER, suite, users, range(1, 4)), end="\n\n")


if __name__ == "__main__":
    main()
