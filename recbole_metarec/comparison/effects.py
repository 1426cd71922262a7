"""Entries of a comparison against others: changes with intervals, corrected for how many are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recbole_metarec.comparison.alignment import Alignment
from recbole_metarec.comparison.labels import left_out
from recbole_metarec.evaluation.ranking import is_of_ranks
from recbole_metarec.evaluation.significance import Change, holm, paired_bootstrap

LEVEL = 0.05


@dataclass(frozen=True)
class Effect:
    """An entry against another one.

    Attributes
    ----------
    label, against : str
    metric : str
    change : Change
        Over the targets that all models share, and the seeds that both finished.
    adjusted_p : float
        After Holm's correction for all comparisons of the same kind.
    other : float or None
        The relative change under the other protocol of history, if it is known.
    """

    label: str
    against: str
    metric: str
    change: Change
    adjusted_p: float
    other: float | None = None

    @property
    def verdict(self) -> str:
        """See `Change.verdict`; what is not clear after the correction is no clear difference."""
        return self.change.verdict if self.adjusted_p < LEVEL else "no clear difference"

    @property
    def short_against(self) -> str:
        """What it is compared with; of itself without a source, the variant alone."""
        return self.against.removeprefix(f"{self.label}:") if left_out(self.against) else self.against


def make_effects(
    aligned: Alignment | None,
    metric: str,
    pairs: Sequence[tuple[str, str]],
    samples: int,
    seed: int,
    other: Alignment | None = None,
) -> list[Effect]:
    """Compare entries over the targets that all share.

    Parameters
    ----------
    aligned : Alignment or None
        Without it nothing is compared.
    metric : str
        Compared if it is a function of ranks.
    pairs : sequence of (str, str)
        Labels of an entry and of what it is compared with; pairs without a seed that both finished are left out.
    samples, seed : int
        Of the bootstrap.
    other : Alignment, optional
        Of the other protocol of history.

    Returns
    -------
    list of Effect
    """
    if aligned is None or not is_of_ranks(metric):
        return []
    users = aligned.targets.user_numbers()
    changes: list[tuple[str, str, Change]] = []
    for label, against in pairs:
        shared = sorted(aligned.ranks.get(label, {}).keys() & aligned.ranks.get(against, {}).keys())
        if shared:
            ours, theirs = (aligned.values(each, shared, metric) for each in (label, against))
            changes.append((label, against, paired_bootstrap(ours, theirs, samples, seed, users)))
    adjusted = holm([1.0 if np.isnan(change.p) else change.p for *_, change in changes])
    return [
        Effect(label, against, metric, change, p, _relative(other, metric, label, against))
        for (label, against, change), p in zip(changes, adjusted, strict=True)
    ]


def _relative(aligned: Alignment | None, metric: str, label: str, against: str) -> float | None:
    if aligned is None:
        return None
    ours, theirs = (aligned.mean(each, metric) for each in (label, against))
    return ours / theirs - 1 if ours is not None and theirs else None
