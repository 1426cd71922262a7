"""What a comparison says, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recbole_metarec.comparison.alignment import Alignment
from recbole_metarec.comparison.effects import LEVEL, Effect
from recbole_metarec.comparison.entry_result import EntryResult
from recbole_metarec.comparison.labels import beside
from recbole_metarec.evaluation.wording import interval, percent, spell
from recbole_metarec.models import SPECS
from recbole_metarec.runs.delivery import Delivery
from recbole_metarec.runs.report import why

DELIVERED = "delivered"
"""Ends the label of the runs that are to be used."""


def say_delivered(label: str, deliveries: dict[int, Delivery]) -> str:
    """Say which variant of a model is to be used with each seed, and why."""
    by_variant: dict[str, list[str]] = {}
    for seed, delivery in deliveries.items():
        by_variant.setdefault(delivery.run.label, []).append(str(seed))
    chosen = "; ".join(
        f"{run} with seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" for run, seeds in by_variant.items()
    )
    first = next(iter(deliveries.values()))
    rule = "the simplest within one standard error of the best on validation" if first.validated else why(first)
    return f"To be used ({beside(label, DELIVERED)}): {chosen}; {rule}."


def say_unshared(aligned: Alignment | None) -> list[str]:
    """Say which models were tested on other targets, or on more of them."""
    if aligned is None:
        return []
    n_targets = len(aligned.targets.users)
    notes = [
        f"{label} was tested on {n:,} targets; the {n_targets:,} that all models of the table have count."
        for label, n in aligned.beyond.items()
    ]
    return notes + [
        f"{label} is not comparable: of the targets of the other models it was tested on {n:,} only."
        for label, n in aligned.apart.items()
    ]


def say_too_few(samples: int, tables: Sequence[Sequence[Effect]]) -> list[str]:
    """Say where resamples are too few for any comparison of a table to come out clear."""
    most = max(map(len, tables))
    if most < LEVEL * samples:
        return []
    return [
        f"bootstrap_samples={samples} can call none of {most} comparisons clear; take {int(most / LEVEL) + 1} or more."
    ]


def say_effect(effect: Effect, subject: str) -> str:
    """Say an effect in words."""
    change = effect.change
    if np.isnan(change.relative):
        return f"{subject}: {effect.against} finds no target, nothing to compare with."
    measured = f"{percent(change.relative)}, 95% CI {interval(change)}"
    said = {
        "helps": "helps",
        "hurts": "hurts: negative transfer" if subject.startswith("Transfer") else "hurts",
        "ahead in one seed": "is ahead in the one seed that was run",
        "behind in one seed": "is behind in the one seed that was run",
    }
    unclear = "makes no clear difference"
    if effect.verdict != change.verdict:
        unclear += " after correction for several comparisons"
    return f"{subject} {said.get(effect.verdict, unclear)} ({spell(effect.metric)} {measured})."


def say_best(metric: str, rows: Sequence[EntryResult], transfers: Sequence[Effect]) -> list[str]:
    """Hold the best that transfers against the best of RecBole's models, if both were run."""
    baselines = [row for row in rows if row.label.partition(":")[0] not in SPECS]
    ours = [row for row in rows if row.label in {effect.label for effect in transfers}]
    if not baselines or not ours or not metric:
        return []
    best, best_of_ours = (max(group, key=lambda row: row.valid) for group in (baselines, ours))
    change = best_of_ours.means[metric] / best.means[metric] - 1 if best.means[metric] else float("nan")
    chosen = "each the best of its kind on validation"
    return [f"{best_of_ours.label} has {percent(change)} {spell(metric)} beside {best.label}, {chosen}."]


def say_weights(weights: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Say which source each entry weighs most and least; ``weights`` has the largest first."""
    sentences = []
    for label, of_sources in weights.items():
        if len(of_sources) > 1:
            most, *_, least = of_sources.items()
            sentences.append(f"{label} weighs {most[0]} most ({most[1]:.3f}) and {least[0]} least ({least[1]:.3f}).")
    return sentences
