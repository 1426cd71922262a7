"""What the weights of evidence are learnt from: the same for each model on a target, so that it is collected once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from recbole_metarec.domains.domain import Domain
from recbole_metarec.evidence.sources import SourceWeights, learn_on_sources
from recbole_metarec.evidence.timed import TimedEvidence
from recbole_metarec.evidence.weighing import LearningRows, rows_of
from recbole_metarec.settings.evidence import EvidenceSettings


class Lessons(NamedTuple):
    """What a target's own interactions and its sources teach.

    Attributes
    ----------
    own : LearningRows
        Of the target's training part.
    taught : SourceWeights, or None
        ``None`` if no source teaches anything, or none is asked.
    """

    own: LearningRows
    taught: SourceWeights | None


_OF_WHAT_FOLLOWS = {"evidence_weights", "evidence_worth"}
_KEPT: dict[bytes, Lessons] = {}  # the last ones, since rows are large


def lessons(
    evidence: TimedEvidence,
    target: Domain,
    sources: Sequence[Domain],
    settings: EvidenceSettings,
    masks_history: bool,
    seed: int,
) -> Lessons:
    """Collect the target's rows, and let its sources teach; see `rows_of` and `learn_on_sources`.

    Asked again for the same data and settings, it returns what it returned.

    Parameters
    ----------
    evidence : TimedEvidence
        Of the target.
    target : Domain
        Its training part.
    sources : sequence of Domain
    settings : EvidenceSettings
    masks_history : bool
        Whether what a user had is no candidate.
    seed : int

    Returns
    -------
    Lessons
    """
    asks_sources = settings.evidence_weights not in ("own", "memory")
    of_evidence = settings.model_dump(include=set(EvidenceSettings.model_fields) - _OF_WHAT_FOLLOWS)
    found = hashlib.sha256(repr((sorted(of_evidence.items()), asks_sources, masks_history, seed)).encode())
    found.update(evidence.content())
    for domain in (target, *sources):
        found.update(domain.content())
    key = found.digest()
    if key not in _KEPT:
        _KEPT.clear()
        own = rows_of(evidence, target, settings.evidence_rows, masks_history, settings.evidence_frozen, seed)
        taught = learn_on_sources(target, own, sources, settings, masks_history, seed) if asks_sources else None
        _KEPT[key] = Lessons(own, taught)
    return _KEPT[key]
