"""What a comparison says, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from recbole_metarec.comparison.alignment import Alignment
from recbole_metarec.comparison.effects import LEVEL, Effect
from recbole_metarec.comparison.entry_result import SourceWeights
from recbole_metarec.comparison.labels import beside
from recbole_metarec.evaluation.ranking import is_of_ranks
from recbole_metarec.evaluation.wording import interval, percent, spell
from recbole_metarec.runs.delivery import Delivery
from recbole_metarec.runs.report import why
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.wording import unseen

DELIVERED = "delivered"
"""Ends the label of the runs that are to be used."""


def delivered_label(label: str, delivery: Delivery) -> str:
    """Return the label of the variant of a model that is to be used."""
    variant = delivery.run.variant
    return label if variant in (None, "transfer") else beside(label, str(variant))


def say_delivered(label: str, deliveries: dict[int, Delivery]) -> str:
    """Say which variant of a model is to be used with each seed, and why."""
    by_variant: dict[str, list[str]] = {}
    for seed, delivery in deliveries.items():
        by_variant.setdefault(delivered_label(label, delivery), []).append(str(seed))
    chosen = "; ".join(
        f"{variant} with seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" for variant, seeds in by_variant.items()
    )
    first = next(iter(deliveries.values()))
    rule = "the simplest within one standard error of the best on validation" if first.validated else why(first)
    return f"{beside(label, DELIVERED)} is {chosen}: {rule}."


def say_asked(runs: Mapping[str, Mapping[int, RunResult]], masked: bool) -> list[str]:
    """Say which metrics are of another protocol of history than the one that is headlined.

    Parameters
    ----------
    runs : mapping
        As they were asked for.
    masked : bool
        Whether history is masked in what is headlined.
    """
    every = [run for of_entry in runs.values() for run in of_entry.values() if run.mask_history != masked]
    names = dict.fromkeys(spell(name) for run in every for name in run.test if not is_of_ranks(name))
    protocol = f"with history {'not masked' if masked else 'masked'}, as mask_history asks"
    return [f"{', '.join(names)}: {protocol}, since single targets have no such metrics."] if names else []


def say_unseen(runs: Iterable[RunResult]) -> list[str]:
    """Say which share of the targets nobody could know, by the first run that knows the time."""
    return [f"{said}." for run in runs if (said := unseen(run))][:1]


def say_unshared(aligned: Alignment | None) -> list[str]:
    """Say which models were tested on other targets, or on more of them."""
    if aligned is None:
        return []
    n_targets = len(aligned.targets.users)
    drawn = "Each seed draws the order within days, and so some targets; tables by groups are of the first seed."
    notes = [drawn] * aligned.drawn + [
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


def say_weights(weights: Mapping[str, SourceWeights]) -> list[str]:
    """Say which source each entry weighs most and least, where that is more than chance."""
    sentences = []
    for label, found in weights.items():
        if len(found.means) < 2:
            continue
        if found.differ:
            most, *_, least = found.means.items()
            sentences.append(f"{label} weighs {most[0]} most ({most[1]:.3f}) and {least[0]} least ({least[1]:.3f}).")
        else:
            low, high = min(found.means.values()), max(found.means.values())
            sentences.append(f"{label} weighs its sources alike, as far as can be told ({low:.3f} to {high:.3f}).")
    return sentences


def say_history(masked: bool, both: bool, repeats: float | None, unknown: Sequence[str]) -> list[str]:
    """Say under which protocol of history models are compared, and what that leaves out.

    Parameters
    ----------
    masked : bool
        Whether history is masked in what is compared.
    both : bool
        Whether the other protocol stands beside it.
    repeats : float or None
        Share of the test targets that their users had before.
    unknown : sequence of str
        Entries that were tested under one protocol alone.
    """
    notes = []
    repeated = f"{repeats or 0.0:.1%} of the test targets are what their users had before"
    if masked:
        missed = f" {repeated}, and missed by all." if repeats else ""
        otherwise = " Beside it stands what they find with history not masked, where they differ in that." * both
        notes.append(
            f"Models are compared with history masked: none recommends what a user had before.{missed}{otherwise}"
        )
    elif both:
        notes.append(
            f"Models are compared with history not masked: {repeated}, which all would miss. "
            "Beside it stands what they find with history masked."
        )
    if unknown:
        notes.append(
            f"Kept runs of {', '.join(unknown)} were tested under one protocol of history alone, so all are compared "
            "under it; delete their files in comparison_folder to have them made anew."
        )
    return notes
