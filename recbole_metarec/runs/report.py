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
from recbole_metarec.evaluation.wording import interval, percent, size, spell
from recbole_metarec.files import write_text
from recbole_metarec.runs.delivery import Delivery
from recbole_metarec.runs.evidence_text import evidence_text
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.wording import protocol


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
    of_ranks = [name for name in run.test if is_of_ranks(name) and len(ours)]
    return {
        name: paired_bootstrap(
            metric_of_ranks(name, run.ranks[ours]),
            metric_of_ranks(name, reference.ranks[theirs]),
            samples,
            run.seed,
            users,
        )
        for name in of_ranks
    }


def run_report(runs: Sequence[RunResult], samples: int, delivery: Delivery | None = None) -> str:
    """Lay out runs as text: metrics, change against scratch, what to use, evidence, source weights, codebooks, files.

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
    parts = [_heading(runs[0]), _unseen(runs[0]), _metrics(runs, samples), _delivered(delivery), _evidence(runs[0])]
    parts += [part for run in runs for part in (_weights(run), _memory(run), _codebook(run), _cold(run))]
    parts.append("\n".join(f"{run.label}: {run.checkpoint}" for run in runs if run.checkpoint))
    return "\n\n".join(part for part in parts if part)


def _metrics(runs: Sequence[RunResult], samples: int) -> str:
    """Lay out metrics and the change against scratch as a table, the verdict below it."""
    metrics = list(runs[0].test)
    rows = [
        [run.label, *(f"{run.test[name]:.4f}" for name in metrics), str(run.epochs), f"{run.seconds:.0f}"]
        for run in runs
    ]
    transfer, scratch = _pair(runs)
    over_scratch = changes(transfer, scratch, samples) if transfer and scratch else {}
    if over_scratch:
        shown = [over_scratch.get(name) for name in metrics]
        rows.append(["transfer over scratch", *(percent(each.relative) if each else "" for each in shown), "", ""])
        rows.append(["95% interval", *(interval(each) if each else "" for each in shown), "", ""])
    table = tabulate(rows, ["", *map(spell, metrics), "epochs", "seconds"], disable_numparse=True)
    ndcg_first = sorted(over_scratch.items(), key=lambda pair: not pair[0].startswith("ndcg@"))
    return "\n\n".join([table, *(_sentence(name, change) for name, change in ndcg_first[:1])])


def write_json(path: Path, runs: Sequence[RunResult], samples: int, delivery: Delivery | None = None) -> None:
    """Write runs as JSON, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    runs, samples, delivery
        As for `run_report`.
    """
    content: dict[str, Any] = {"runs": [run.to_json() for run in runs]}
    transfer, scratch = _pair(runs)
    if transfer and scratch:
        over_scratch = changes(transfer, scratch, samples)
        content["change_over_scratch"] = {name: _plain(change) for name, change in over_scratch.items()}
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
    by_variant = {run.variant: run for run in reversed(runs) if run.model == runs[0].model}
    return by_variant.get("transfer"), by_variant.get("scratch")


def _heading(run: RunResult) -> str:
    tested = f"test split: {size(run.n_users, run.n_targets)}, " if run.n_targets else ""
    return f"{run.dataset}, {tested}{protocol(run)}, seed {run.seed}"


def _unseen(run: RunResult) -> str:
    if run.unseen_targets is None:
        return ""
    ranked = "; they are no candidates and count as missed" if run.known_items else ""
    return f"{run.unseen_targets:.1%} of the test targets nobody had on a day before the request{ranked}"


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
    weights = run.diagnostic("source_weights")
    if not weights:
        return ""
    ranked = sorted(weights.items(), key=lambda pair: -pair[1])
    longest = max(weight for _, weight in ranked)
    rows = [[name, f"{weight:.3f}", "#" * round(20 * weight / longest)] for name, weight in ranked]
    return tabulate(rows, ["source", "weight", ""], disable_numparse=True)


def _memory(run: RunResult) -> str:
    if run.memory_weight is None:
        return ""
    if run.memory_weight == math.inf:
        return "" if run.variant is None else f"{run.label} memory: the target's own transitions are all that scores"
    return f"{run.label} memory: weight {run.memory_weight:g} of the target's own transitions in the scores"


def _evidence(run: RunResult) -> str:
    evidence = run.diagnostic("evidence")
    return evidence_text(run.label, evidence) if evidence else ""


def _codebook(run: RunResult) -> str:
    usage = run.diagnostic("codebook")
    if not usage:
        return ""
    bound = f" ({usage['attainable']:.0%} is the most that so few items can use)" if usage["attainable"] < 1 else ""
    return (
        f"{run.label} codebooks: {usage['share']:.0%} of the codes in use{bound}, "
        f"perplexity {usage['perplexity']:.0f}, {usage['collisions']:.1%} of the items share all codes"
    )


def _cold(run: RunResult) -> str:
    if not run.cold:
        return ""
    metrics = ", ".join(f"{spell(name)} {value:.4f}" for name, value in run.cold.items() if name != "n_users")
    return f"{run.label}, the {run.cold['n_users']:,} users whose item nobody had in training: {metrics}"
