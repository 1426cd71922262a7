"""Results of runs, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.significance import Change, paired_bootstrap
from recbole_metarec.evaluation.targets import common_rows
from recbole_metarec.files import write_text
from recbole_metarec.runs.delivery import Delivery
from recbole_metarec.runs.result import RunResult


def changes(run: RunResult, reference: RunResult, samples: int) -> dict[str, Change]:
    """Compare the test metrics of two runs over the targets that both had to find.

    Parameters
    ----------
    run, reference : RunResult
        Runs on one data set.
    samples : int
        Resamples of the bootstrap.

    Returns
    -------
    dict of str to Change
        By metric; metrics that are no function of ranks are left out. Empty if the two share no target.
    """
    if run.targets is None or run.ranks is None or reference.targets is None or reference.ranks is None:
        return {}
    ours, theirs = common_rows([run.targets, reference.targets])
    users = run.targets.take(ours).user_numbers()
    known = [name for name in run.test if is_of_ranks(name) and len(ours)]
    return {
        name: paired_bootstrap(
            metric_of_ranks(name, run.ranks[ours]),
            metric_of_ranks(name, reference.ranks[theirs]),
            samples,
            run.seed,
            users,
        )
        for name in known
    }


def render(runs: Sequence[RunResult], samples: int, delivery: Delivery | None = None) -> str:
    """Lay out runs as text: metrics, change against scratch, what to use, source weights, codebooks, files.

    Parameters
    ----------
    runs : sequence of RunResult
        Runs on one target.
    samples : int
        Resamples of the bootstrap.
    delivery : Delivery, optional
        The run whose model is to be used.

    Returns
    -------
    str
    """
    first = runs[0]
    metrics = list(first.test)
    rows: list[list[str]] = [
        [run.label, *(f"{run.test[name]:.4f}" for name in metrics), str(run.epochs), f"{run.seconds:.0f}"]
        for run in runs
    ]
    verdict = []
    transfer, scratch = _pair(runs)
    if transfer and scratch:
        found = changes(transfer, scratch, samples)
        if found:
            cells = [(percent(found[m].relative), interval(found[m])) if m in found else ("", "") for m in metrics]
            relative, bounds = zip(*cells, strict=True)
            rows += [["transfer over scratch", *relative, "", ""], ["95% interval", *bounds, "", ""]]
        ndcg_first = sorted(found.items(), key=lambda pair: not pair[0].startswith("ndcg@"))
        verdict = [_sentence(name, change) for name, change in ndcg_first[:1]]
    table = tabulate(rows, ["", *map(spell, metrics), "epochs", "seconds"], disable_numparse=True)
    parts = [_heading(first), table, *verdict, _delivered(delivery)]
    parts += [part for run in runs for part in (_weights(run), _memory(run), _codebook(run), _cold(run)) if part]
    parts.append("\n".join(f"{run.label}: {run.checkpoint}" for run in runs if run.checkpoint))
    return "\n\n".join(part for part in parts if part)


def write_json(path: Path, runs: Sequence[RunResult], samples: int, delivery: Delivery | None = None) -> None:
    """Write runs as JSON, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    runs, samples, delivery
        As for `render`.
    """
    content: dict[str, Any] = {"runs": [run.to_json() for run in runs]}
    transfer, scratch = _pair(runs)
    if transfer and scratch:
        found = changes(transfer, scratch, samples)
        content["change_over_scratch"] = {name: _plain(change) for name, change in found.items()}
    if delivery:
        run = delivery.run
        content["delivered"] = {"variant": run.variant, "checkpoint": run.checkpoint, "why": why(delivery)}
    write_text(path, [json.dumps(content, indent=2)])


def _plain(change: Change) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in change._asdict().items()
        if key != "of_seeds"
    }


def _pair(runs: Sequence[RunResult]) -> tuple[RunResult | None, RunResult | None]:
    by_variant = {run.variant: run for run in reversed(runs)}
    return by_variant.get("transfer"), by_variant.get("scratch")


def _heading(run: RunResult) -> str:
    tested = f"test split: {size(run.n_users, run.n_targets)}, " if run.n_targets else ""
    return f"{run.dataset}, {tested}{protocol(run)}, seed {run.seed}"


def size(n_users: int, n_targets: int) -> str:
    """Say how many users and, where a user has several, how many targets there are."""
    users = f"{n_users:,} users"
    return users if n_users == n_targets else f"{users} ({n_targets:,} targets)"


def protocol(run: RunResult) -> str:
    """Say among what a run's targets were ranked."""
    if run.mode == "full":
        return f"full ranking, history {'masked' if run.mask_history else 'not masked'}"
    how, n_sampled = run.mode[:3], run.mode[3:]
    drawn = {"uni": "uniformly", "pop": "by popularity"}.get(how, how)
    return f"each target ranked among {n_sampled} items that are drawn {drawn}, not among all"


def spell(metric: str) -> str:
    """Write a metric as the field does: ``ndcg@10`` as ``NDCG@10``."""
    name, _, k = metric.partition("@")
    names = {"recall": "Recall", "ndcg": "NDCG", "mrr": "MRR", "hit": "Hit", "map": "MAP", "precision": "Precision"}
    return f"{names.get(name, name)}@{k}" if k else name


def percent(value: float) -> str:
    """Write a relative change."""
    return "n/a" if math.isnan(value) else f"{value:+.1%}"


def interval(change: Change) -> str:
    """Write the interval of a change."""
    return f"{percent(change.low)} to {percent(change.high)}"


def _sentence(name: str, change: Change) -> str:
    if math.isnan(change.relative):
        return "Scratch finds no target: nothing to compare with."
    sense = {
        "ahead in one seed": "Transfer is ahead in the one seed that was run",
        "behind in one seed": "Transfer is behind in the one seed that was run",
        "no clear difference": "No clear difference in the one seed that was run",
    }
    measured = f"{spell(name)} {percent(change.relative)}, 95% interval over users {interval(change)}"
    return f"{sense[change.verdict]}: {measured}. Training varies, too: --seeds=3 shows by how much."


def _delivered(delivery: Delivery | None) -> str:
    if not delivery:
        return ""
    return f"To be used: {delivery.run.label}, {why(delivery)}.\n{delivery.run.checkpoint or ''}".rstrip()


def why(delivery: Delivery) -> str:
    """Say why a variant is the one to be used."""
    if delivery.asked:
        return "as asked for"
    if not delivery.validated:
        return "since there is no metric of single validation targets to choose by"
    (simplest, (mean, _)), *others = delivery.validated.items()
    beside = [f"{name} {mean:.4f} (± {error:.4f} beside {simplest})" for name, (mean, error) in others]
    listed = ", ".join([f"{simplest} {mean:.4f}", *beside])
    rule = f"the first of {', '.join(delivery.validated)} within one standard error of the best"
    return f"{rule} on validation ({spell(delivery.metric.lower())}: {listed})"


def _weights(run: RunResult) -> str:
    if not run.source_weights:
        return ""
    ranked = sorted(run.source_weights.items(), key=lambda pair: -pair[1])
    longest = max(weight for _, weight in ranked)
    rows = [[name, f"{weight:.3f}", "#" * round(20 * weight / longest)] for name, weight in ranked]
    return tabulate(rows, ["source", "weight", ""], disable_numparse=True)


def _memory(run: RunResult) -> str:
    if run.memory_weight is None:
        return ""
    if run.memory_weight == math.inf:
        return "" if run.variant is None else f"{run.label} memory: the target's own transitions are all that scores"
    return f"{run.label} memory: weight {run.memory_weight:g} of the target's own transitions in the scores"


def _codebook(run: RunResult) -> str:
    if not run.codebook:
        return ""
    few = run.codebook["attainable"] < 1
    bound = f" ({run.codebook['attainable']:.0%} is the most that so few items can use)" if few else ""
    return (
        f"{run.label} codebooks: {run.codebook['share']:.0%} of the codes in use{bound}, "
        f"perplexity {run.codebook['perplexity']:.0f}, {run.codebook['collisions']:.1%} of the items share all codes"
    )


def _cold(run: RunResult) -> str:
    if not run.cold:
        return ""
    found = ", ".join(f"{spell(name)} {value:.4f}" for name, value in run.cold.items() if name != "n_users")
    return f"{run.label}, the {run.cold['n_users']:,} users whose item nobody had in training: {found}"
