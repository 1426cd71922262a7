"""What weights are learnt from is collected once for all models on a target, and anew wherever anything differs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from fashions import early, fashions

from recbole_metarec.domains.domain import Domain
from recbole_metarec.evidence import lessons as room
from recbole_metarec.evidence.lessons import Lessons, lessons
from recbole_metarec.evidence.timed import TimedEvidence
from recbole_metarec.settings.evidence import EvidenceSettings

SETTINGS = EvidenceSettings(evidence_rows=100, evidence_factors=4)


def taught(target: Domain, source: Domain, settings: EvidenceSettings = SETTINGS, seed: int = 0) -> Lessons:
    """Ask with objects of one's own, as each model does."""
    train = early(target)
    return lessons(TimedEvidence.fit(target, settings), train, [source], settings, False, seed)


def test_lessons_are_the_same_however_they_were_come_by() -> None:
    first = taught(fashions(1), fashions(2, "a"))
    again = taught(fashions(1), fashions(2, "a"))
    assert again is first
    room._KEPT.clear()
    anew = taught(fashions(1), fashions(2, "a"))
    assert anew.taught is not None
    assert first.taught is not None
    assert torch.equal(anew.taught.weights, first.taught.weights)
    assert all(torch.equal(one, other) for one, other in zip(anew.own, first.own, strict=True))


@pytest.mark.parametrize("other", ["times of the target", "source", "counted", "settings", "seed", "no sources"])
def test_other_lessons_are_collected_where_anything_differs(other: str) -> None:
    target, source = fashions(1), fashions(2, "a")
    first = taught(target, source)
    if other == "times of the target":
        found = taught(replace(target, times=target.times + 86400), source)
    elif other == "source":
        found = taught(target, replace(source, times=source.times + 1))
    elif other == "counted":
        train = early(target)
        found = lessons(TimedEvidence.fit(train, SETTINGS), train, [source], SETTINGS, False, 0)
    elif other == "settings":
        found = taught(target, source, SETTINGS.model_copy(update={"memory_reach": 3}))
    elif other == "seed":
        found = taught(target, source, seed=1)
    else:
        found = taught(target, source, SETTINGS.model_copy(update={"evidence_weights": "own"}))
        assert found.taught is None
    assert found is not first
