"""Results of runs, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from recbole_metarec.evaluation.choice import differ_clearly
from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.significance import Change, paired_bootstrap
from recbole_metarec.evaluation.targets import common_rows
from recbole_metarec.evaluation.wording import interval, percent, size, spell
from recbole_metarec.files import write_text
from recbole_metarec.runs.advice import Measured, explain, say_next, say_transfer, say_use
from recbole_metarec.runs.delivery import Delivery
from recbole_metarec.runs.evidence_text import evidence_text
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.wording import protocol, unseen


def changes(
    run: RunResult, reference: RunResult, samples: int, metrics: Sequence[str] | None = None
) -> dict[str, Change]:
    """Compare the test metrics of two runs over the targets that both had to find.

    Parameters
    ----------
    run, reference : RunResult
        Runs on one data set.
    samples : int
        Resamples of the bootstrap.
    metrics : sequence of str, optional
        Those to compare; all by default.

    Returns
    -------
    dict of str to Change
        By metric; metrics that are no function of ranks are left out. Empty if the two share no target.
    """
    if run.targets is None or run.ranks is None or reference.targets is None or reference.ranks is None:
        return {}
    ours, theirs = common_rows([run.targets, reference.targets])
    users = run.targets.take(ours).user_numbers()
    of_ranks = [name for name in metrics or run.test if is_of_ranks(name) and len(ours)]
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
    over_scratch = _over_scratch(runs, samples)
    opening = _opening(runs, over_scratch, samples, delivery)
    parts = [_heading(runs[0]), *opening, unseen(runs[0]), _metrics(runs, over_scratch)]
    parts += [_delivered(delivery), _evidence(runs[0])]
    parts += [_weights(run) for run in runs]
    parts += ["\n".join(filter(None, map(said, runs))) for said in (_memory, _codebook)]
    parts += [_cold(runs)]
    parts.append("\n".join(f"{run.label}: {run.checkpoint}" for run in runs if run.checkpoint))
    return "\n\n".join(part for part in parts if part)


def _over_scratch(runs: Sequence[RunResult], samples: int) -> dict[str, Change] | None:
    """Compare transfer with its scratch control, if both were run; see `changes`."""
    transfer, scratch = _pair(runs)
    return changes(transfer, scratch, samples) if transfer and scratch else None


def _opening(
    runs: Sequence[RunResult], over_scratch: Mapping[str, Change] | None, samples: int, delivery: Delivery | None
) -> list[str]:
    """Say whether other domains help, which model to use, what to do next, what the metric says."""
    transfer, _ = _pair(runs)
    measured = _measured(transfer, over_scratch) if transfer and over_scratch else None
    said = [say_transfer(measured)] if measured else []
    if delivery:
        said.append(_use(runs, delivery, samples))
    if not said:
        return []
    metric = measured.metric if measured else _metric(runs[0])
    return [part for part in (" ".join(said), say_next(measured) if measured else "", explain(metric)) if part]


def _use(runs: Sequence[RunResult], delivery: Delivery, samples: int) -> str:
    """Say which model to use, and how far ahead it is of the best of those that were run beside it."""
    chosen, metric = delivery.run, delivery.metric.lower()
    others = [run for run in runs if run.model != chosen.model and metric in run.valid]
    if not others:
        return say_use(chosen.label, chosen.variant)
    rival = max(others, key=lambda run: run.valid[metric])
    lead = _measured(chosen, changes(chosen, rival, samples, [_metric(chosen)]))
    return say_use(chosen.label, chosen.variant, rival.label, lead, "the others")


def _measured(run: RunResult, found: Mapping[str, Change]) -> Measured | None:
    """Take the metric that is spoken of out of a run's changes, if it is known of single targets."""
    metric = _metric(run)
    return Measured(found[metric], found[metric].verdict, metric, run.n_users) if metric in found else None


def _metric(run: RunResult) -> str:
    """Return the metric that is spoken of: NDCG if it is among them."""
    of_ranks = [name for name in run.test if is_of_ranks(name)]
    return next((name for name in of_ranks if name.startswith("ndcg@")), [*of_ranks, ""][0])


def _metrics(runs: Sequence[RunResult], over_scratch: Mapping[str, Change] | None) -> str:
    """Lay out metrics and the change against scratch as a table."""
    metrics = list(runs[0].test)
    rows = [
        [run.label, *(f"{run.test[name]:.4f}" for name in metrics), str(run.epochs), f"{run.seconds:.0f}"]
        for run in runs
    ]
    if over_scratch:
        shown = [over_scratch.get(name) for name in metrics]
        rows.append(["transfer over scratch", *(percent(each.relative) if each else "" for each in shown), "", ""])
        rows.append(["95% interval", *(interval(each) if each else "" for each in shown), "", ""])
    return tabulate(rows, ["", *map(spell, metrics), "epochs", "seconds"], disable_numparse=True)


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
    over_scratch = _over_scratch(runs, samples)
    if over_scratch is not None:
        content["change_over_scratch"] = {name: _plain(change) for name, change in over_scratch.items()}
    if delivery:
        run = delivery.run
        used = {"variant": run.variant, "preset": run.preset, "checkpoint": run.checkpoint}
        content["delivered"] = {**used, "why": why(delivery)}
    content["answer"] = _opening(runs, over_scratch, samples, delivery)
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


def _delivered(delivery: Delivery | None) -> str:
    if not delivery:
        return ""
    return f"{delivery.run.label} is to be used: {why(delivery)}.\n{delivery.run.checkpoint or ''}".rstrip()


def why(delivery: Delivery) -> str:
    """Say why a variant is the one to be used."""
    if delivery.asked:
        return "as asked for"
    if not delivery.validated:
        return "there is no metric of single validation targets to choose by"
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
    (_, largest), (_, smallest) = ranked[0], ranked[-1]
    if len(weights) > 1 and not differ_clearly(run.diagnostic("weight_history")):
        sources = f"{run.label}: the weights of its {len(weights)} sources"
        return f"{sources} do not differ clearly, {smallest:.3f} to {largest:.3f}"
    rows = [[name, f"{weight:.3f}", "#" * round(20 * weight / largest)] for name, weight in ranked]
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


def _cold(runs: Sequence[RunResult]) -> str:
    """Say how models rank for users whose item nobody had in training, who are the same ones for all."""
    found = {run.label: run.cold for run in runs if run.cold}
    if not found:
        return ""
    first = next(iter(found.values()))
    metrics = [name for name in first if name != "n_users"]
    users = f"the {first['n_users']:,} users whose item nobody had in training"
    if not any(cold[name] for cold in found.values() for name in metrics):
        return f"No model finds anything for {users}"
    rows = [[label, *(f"{cold[name]:.4f}" for name in metrics)] for label, cold in found.items()]
    return tabulate(rows, [users, *map(spell, metrics)], disable_numparse=True)
