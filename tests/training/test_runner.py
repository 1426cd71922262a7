"""The loop over epochs: which step comes when, what a host hears, where a run that goes on begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.patience import Patience
from recbole_metarec.training.runner import Runner, prepare
from recbole_metarec.training.schedule import Phase, Schedule


class Diary:
    """A host, and the steps of its phases, that write down what they are asked."""

    def __init__(self, scores: Sequence[float] = ()) -> None:
        self.entries: list[tuple[object, ...]] = []
        self.scores = iter(scores)

    def phase(self, name: str, epochs: int, steps: int = 2) -> Phase:
        def step(epoch: int, number: int) -> Tensor:
            self.entries.append(("step", name, epoch, number))
            return torch.tensor(float(number))

        return Phase(name, epochs, steps, self._begin(name), step)

    def _begin(self, name: str) -> Callable[[], TableOptimizer]:
        def begin() -> TableOptimizer:
            self.entries.append(("begin", name))
            return TableOptimizer("sgd", [], [], 0.1, 0.0)

        return begin

    def entered(self, phase: Phase, optimizer: TableOptimizer) -> None:
        assert self.entries[-1] == ("begin", phase.name)

    def trained(self, epoch: int, loss: float, seconds: float) -> None:
        self.entries.append(("trained", epoch, loss))

    def validate(self, epoch: int, patience: Patience, counts: bool) -> bool:
        patience.look(next(self.scores), counts)
        self.entries.append(("validated", epoch, counts))
        return patience.is_over

    def keep(self, epoch: int) -> None:
        self.entries.append(("kept", epoch))

    def of(self, kind: str) -> list[tuple[object, ...]]:
        return [entry[1:] for entry in self.entries if entry[0] == kind]


def test_phases_follow_each_other_and_share_the_count_of_epochs() -> None:
    diary = Diary()
    schedule = Schedule((diary.phase("a", 2), diary.phase("none", 0), diary.phase("b", 1, steps=1)))
    Runner(schedule, diary, Patience(0), None, False).run()
    assert diary.of("begin") == [("a",), ("b",)]
    assert diary.of("step") == [("a", 0, 0), ("a", 0, 1), ("a", 1, 0), ("a", 1, 1), ("b", 2, 0)]
    assert diary.of("trained") == [(0, 0.5), (1, 0.5), (2, 0.0)]
    assert diary.of("kept") == [(0,), (1,), (2,)]


def test_it_stops_when_patience_is_over_and_grace_is_past() -> None:
    diary = Diary([0.5, 0.4, 0.4, 0.4, 0.4, 0.4])
    Runner(Schedule((diary.phase("a", 9),), grace=3), diary, Patience(1), 1, False).run()
    assert diary.of("validated") == [(0, False), (1, False), (2, False), (3, True), (4, True)]


def test_evaluations_come_every_few_epochs() -> None:
    diary = Diary([0.1, 0.2])
    Runner(Schedule((diary.phase("a", 5),)), diary, Patience(9), 2, False).run()
    assert diary.of("validated") == [(1, True), (3, True)]


@pytest.mark.parametrize("last", [0, 1, 2])
def test_a_run_that_goes_on_takes_the_steps_that_are_left(last: int) -> None:
    whole, rest = Diary(), Diary()
    for diary, first in ((whole, 0), (rest, last + 1)):
        schedule = Schedule((diary.phase("a", 2), diary.phase("b", 2)))
        runner = Runner(schedule, diary, Patience(0), None, False)
        if first:
            runner.enter(last)
        runner.run(first)
    assert rest.of("step") == [entry for entry in whole.of("step") if int(str(entry[1])) > last]


def test_what_comes_before_is_not_validated() -> None:
    diary = Diary()
    assert prepare(diary.phase("warm-up", 3), show_progress=False) == [0.5, 0.5, 0.5]
    assert prepare(diary.phase("none", 0), show_progress=False) == []
    assert diary.of("begin") == [("warm-up",)]
    assert len(diary.of("step")) == 6
    assert diary.of("validated") == diary.of("kept") == diary.of("trained") == []
