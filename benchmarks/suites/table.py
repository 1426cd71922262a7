"""Finished runs as a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recbole_metarec.evaluation.ranking import Floats, metric_of_ranks
from recbole_metarec.evaluation.significance import Change, paired_bootstrap
from suites.store import Key, Outcome, load
from suites.variants import VARIANTS

# What a variant is compared with: the same model from scratch; RecBole's models with whichever there is.
REFERENCES = ("scratch", "ant-scratch")
HEADER = (
    "| variant | seeds | NDCG@10 masked | Recall@10 masked | NDCG@10 unmasked | Recall@10 unmasked | "
    "NDCG@10 masked against its scratch | unmasked | CPU seconds |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def render(store: Path, suite: str, users: float, seeds: range) -> str:
    """Lay out what is finished of a suite, as Markdown.

    Parameters
    ----------
    store : Path
        Folder of the runs.
    suite : str
        Name of the suite.
    users : float
        Share of the target's users trained on.
    seeds : range
        Seeds to take.

    Returns
    -------
    str
        Means over seeds, spread (standard deviation) behind them; changes with the 95% interval of a paired bootstrap
        over users and the seeds that both variants have, and the change of each seed. ``*`` marks runs that the cap
        ended.
    """
    runs = {
        name: {seed: found for seed in seeds if (found := load(store, Key(suite, users, name, seed)))}
        for name in VARIANTS
    }
    rows = [_row(name, found, runs[_reference(name, runs)]) for name, found in runs.items() if found]
    return "\n".join([f"### {suite}, {users:.0%} of the target's training users", "", HEADER, *rows])


def _reference(name: str, runs: dict[str, dict[int, Outcome]]) -> str:
    metarec, ant = REFERENCES
    if VARIANTS[name].model == "ANT":
        return ant
    return metarec if VARIANTS[name].model == "MetaRec" or runs[metarec] else ant


def _row(name: str, runs: dict[int, Outcome], reference: dict[int, Outcome]) -> str:
    capped = any(run.facts["stopped"] == "cap" for run in runs.values())
    cells = [VARIANTS[name].title + "*" * capped, str(len(runs))]
    for protocol in ("masked", "unmasked"):
        for metric in ("ndcg@10", "recall@10"):
            means = [_values(run, protocol, metric).mean() for run in runs.values()]
            cells.append(f"{np.mean(means):.4f} ± {np.std(means, ddof=1):.4f}" if len(means) > 1 else f"{means[0]:.4f}")
    shared = sorted(runs.keys() & reference.keys())
    for protocol in ("masked", "unmasked"):
        if name in REFERENCES or not shared:
            cells.append("")
            continue
        ours, theirs = (
            np.stack([_values(found[seed], protocol, "ndcg@10") for seed in shared]) for found in (runs, reference)
        )
        change = paired_bootstrap(ours, theirs, 2000, 0)
        cells.append(_written(change, of_seeds=protocol == "masked"))
    cells.append(f"{np.mean([run.facts['cpu_seconds'] for run in runs.values()]):,.0f}")
    return f"| {' | '.join(cells)} |"


def _written(change: Change, of_seeds: bool) -> str:
    interval = f"{change.low:+.1%} to {change.high:+.1%}"
    seeds = ", ".join(f"{each:+.1%}" for each in change.of_seeds)
    if len(change.of_seeds) == 1:
        interval += "; one seed"
    elif of_seeds:
        interval += f"; by seed {seeds}"
    return f"{change.relative:+.1%} ({interval})"


def _values(run: Outcome, protocol: str, metric: str) -> Floats:
    return metric_of_ranks(metric, run.ranks[protocol])
