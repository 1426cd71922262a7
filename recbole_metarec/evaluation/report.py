"""Results of runs, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from recbole_metarec.evaluation.ranking import Ranks, is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.significance import Change, paired_bootstrap
from recbole_metarec.files import write_text


@dataclass(frozen=True)
class RunResult:
    """What one training run gave.

    Attributes
    ----------
    model, dataset : str
        Names.
    variant : {"transfer", "scratch"} or None
        ``None`` for RecBole's own models.
    source_datasets : list of str
        Sources that were used.
    seed : int
        RecBole's seed.
    mask_history : bool
        Whether earlier items were no candidates.
    valid, test : dict of str to float
        Metrics at the epoch with the best validation, RecBole's names in lower case.
    source_weights : dict of str to float or None
        Mean weight of each source over meta transfer.
    seconds : float
        Wall-clock time of training and evaluation.
    epochs : int
        Epochs on the target.
    codebook : dict of str to float or None
        Codebook usage by the target's items: see `Usage`.
    memory_weight : float or None
        Weight of the memory in the scores; ``None`` for RecBole's own models.
    n_users : int
        Users in the test split.
    checkpoint, log : str or None
        Files that were written.
    cold : dict of str to float or None
        Metrics over the users whose target stands nowhere in the training part, and their number as ``n_users``;
        ``None`` if there are none, or for models that do not read sequences.
    curve : list of float
        Validation score of each evaluation during training.
    weight_history : list of dict of str to float
        Source weights of each epoch of meta transfer.
    peak_memory : float
        Largest resident memory during the run, in MB (2**20 bytes).
    ranks : int64 array, shape (n_users,), or None
        Rank of each test target; not part of the JSON.
    """

    model: str
    variant: str | None
    dataset: str
    source_datasets: list[str]
    seed: int
    mask_history: bool
    valid: dict[str, float]
    test: dict[str, float]
    source_weights: dict[str, float] | None
    seconds: float
    epochs: int
    codebook: dict[str, float] | None = None
    memory_weight: float | None = None
    n_users: int = 0
    cold: dict[str, float] | None = None
    checkpoint: str | None = None
    log: str | None = None
    curve: list[float] = field(default_factory=list)
    weight_history: list[dict[str, float]] = field(default_factory=list)
    peak_memory: float = 0.0
    ranks: Ranks | None = field(default=None, repr=False, compare=False)

    @property
    def label(self) -> str:
        """Name of the run in a table."""
        return f"{self.model} (scratch)" if self.variant == "scratch" else self.model

    def to_json(self) -> dict[str, Any]:
        """Return the run as plain values."""
        plain = asdict(self)
        del plain["ranks"]
        return plain


def changes(run: RunResult, reference: RunResult, samples: int) -> dict[str, Change]:
    """Compare the test metrics of two runs over the same users.

    Parameters
    ----------
    run, reference : RunResult
        Runs on the same test split.
    samples : int
        Resamples of the bootstrap.

    Returns
    -------
    dict of str to Change
        By metric; metrics that are no function of ranks are left out.
    """
    if run.ranks is None or reference.ranks is None:
        return {}
    known = [name for name in run.test if is_of_ranks(name)]
    return {
        name: paired_bootstrap(
            metric_of_ranks(name, run.ranks), metric_of_ranks(name, reference.ranks), samples, run.seed
        )
        for name in known
    }


def render(runs: Sequence[RunResult], samples: int) -> str:
    """Lay out runs as text: metrics, change against scratch, source weights, codebooks, files.

    Parameters
    ----------
    runs : sequence of RunResult
        Runs on one target; a transfer run comes before its scratch control.
    samples : int
        Resamples of the bootstrap.

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
        rows.append(["change", *(percent(found[m].relative) if m in found else "" for m in metrics), "", ""])
        rows.append(["95% interval", *(interval(found[m]) if m in found else "" for m in metrics), "", ""])
        verdict = [_sentence(name, change) for name, change in found.items() if name.startswith("ndcg@")][:1]
    table = tabulate(rows, ["", *map(spell, metrics), "epochs", "seconds"], disable_numparse=True)
    parts = [_heading(first), table, *verdict]
    parts += [part for run in runs for part in (_weights(run), _memory(run), _codebook(run), _cold(run)) if part]
    parts.append("\n".join(f"{run.label}: {run.checkpoint}" for run in runs if run.checkpoint))
    return "\n\n".join(part for part in parts if part)


def write_json(path: Path, runs: Sequence[RunResult], samples: int) -> None:
    """Write runs as JSON, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    runs : sequence of RunResult
        As for `render`.
    samples : int
        Resamples of the bootstrap.
    """
    content: dict[str, Any] = {"runs": [run.to_json() for run in runs]}
    transfer, scratch = _pair(runs)
    if transfer and scratch:
        found = changes(transfer, scratch, samples)
        content["change_over_scratch"] = {
            name: {key: None if math.isnan(value) else value for key, value in change._asdict().items()}
            for name, change in found.items()
        }
    write_text(path, [json.dumps(content, indent=2)])


def _pair(runs: Sequence[RunResult]) -> tuple[RunResult | None, RunResult | None]:
    by_variant = {run.variant: run for run in reversed(runs)}
    return by_variant.get("transfer"), by_variant.get("scratch")


def _heading(run: RunResult) -> str:
    masked = "masked" if run.mask_history else "not masked"
    return f"{run.dataset}, test split: {run.n_users:,} users, full ranking, history {masked}, seed {run.seed}"


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
    sense = {"helps": "Transfer helps", "hurts": "Transfer hurts", "no clear difference": "No clear difference"}
    return f"{sense[change.verdict]}: {spell(name)} {percent(change.relative)}, 95% interval {interval(change)}."


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
