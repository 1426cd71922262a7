"""Where a result comes from: entries that build on each other, no more of them than were run."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from recbole_metarec.comparison.alignment import Alignment
from recbole_metarec.comparison.effects import make_effects
from recbole_metarec.comparison.waterfall import Step, make_steps
from recbole_metarec.evaluation.targets import Targets

TARGETS = Targets(np.array([f"u{n}" for n in range(60)]), np.array(["i"] * 60))
RANKS = {
    "Memory": [1, 0, 0],
    "Evidence": [1, 3, 0],
    "MetaRec:scratch": [1, 2, 0],
    "MetaRec": [1, 1, 4],
    "Pop": [0, 0, 9],
    "Evidence:scratch": [0, 2, 0],
}


def steps_of(*labels: str, taught: bool = False, of: str = "MetaRec") -> list[Step]:
    ranks = {label: {1: np.tile(np.array(RANKS[label]), 20)} for label in labels}
    aligned = Alignment(TARGETS, ranks, {}, {})
    make = partial(make_effects, aligned, "ndcg@10", samples=200, seed=1)
    return make_steps("ndcg@10", aligned, of, taught, make)


def test_each_step_is_measured_against_the_one_before() -> None:
    steps = steps_of(*RANKS)
    assert [step.label for step in steps] == ["Memory", "Evidence", "MetaRec:scratch", "MetaRec"]
    assert steps[0].effect is None
    for before, step in pairwise(steps):
        assert step.effect is not None
        assert (step.effect.label, step.effect.against) == (step.label, before.label)
        assert before.mean * (1 + step.effect.change.relative) == pytest.approx(step.mean)


def test_what_was_not_run_is_no_step() -> None:
    assert [step.label for step in steps_of("MetaRec", "MetaRec:scratch", "Memory")] == [
        "Memory",
        "MetaRec:scratch",
        "MetaRec",
    ]
    assert steps_of("MetaRec", "MetaRec:scratch", "Pop") == []
    assert steps_of("Memory", "Evidence", "MetaRec:scratch") == []
    assert make_steps("ndcg@10", None, "MetaRec", False, lambda pairs: []) == []


def test_steps_say_where_sources_teach() -> None:
    taught, plain = steps_of(*RANKS, taught=True), steps_of(*RANKS)
    assert [step.part for step in taught[1:3]] != [step.part for step in plain[1:3]]
    assert "the sources teach" in taught[1].part
    assert "without the sources" in taught[2].part


def test_evidence_builds_on_itself_without_the_sources() -> None:
    steps = steps_of("Evidence", "Evidence:scratch", "Memory", taught=True, of="Evidence")
    assert [step.label for step in steps] == ["Memory", "Evidence:scratch", "Evidence"]
    assert "model" not in steps[1].part
