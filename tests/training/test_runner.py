"""The loop over epochs: which step comes when, what a host hears, where a run that goes on begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.patience import Patience
from recbole_metarec.training.runner import Position, Runner, Start
from recbole_metarec.training.schedule import Phase, Schedule


class Diary:
    """A host, and the steps of its phases, that write down what they are asked, and stop where they are told to."""

    def __init__(self, scores: Sequence[float] = (), stop_behind: int | None = None, is_due: bool = False) -> None:
        self.entries: list[tuple[object, ...]] = []
        self.scores = iter(scores)
        self.left, self.due = stop_behind, is_due
        self.last: Position | None = None
        self.numbers: list[int] = []

    def phase(self, name: str, epochs: int, steps: int = 2) -> Phase:
        def before_epoch(epoch: int) -> None:
            self.numbers = []

        def step(epoch: int, number: int) -> Tensor:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left = None if self.left is None else self.left - 1
            self.entries.append(("step", name, epoch, number))
            self.numbers.append(number)
            return torch.tensor(0.1 + number)

        def after_epoch() -> None:
            assert self.numbers == [*range(steps)]

        def load(state: Mapping[str, Any]) -> None:
            self.numbers = list(state["numbers"])

        return Phase(
            name,
            epochs,
            steps,
            self._begin(name),
            step,
            before_epoch,
            after_epoch,
            state=lambda: {"numbers": list(self.numbers)},
            load_state=load,
        )

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

    def is_due(self) -> bool:
        return self.due

    def reached(self, position: Position) -> None:
        self.last = position

    def of(self, kind: str) -> list[tuple[object, ...]]:
        return [entry[1:] for entry in self.entries if entry[0] == kind]

    def run(
        self, phases: Sequence[Phase], eval_step: int | None = None, start: Start | None = None, **more: Any
    ) -> None:
        patience = Patience(more.pop("patience", 0))
        Runner(self, False).run(Schedule(tuple(phases), **more), patience, eval_step, start)


def test_phases_follow_each_other_and_share_the_count_of_epochs() -> None:
    diary = Diary()
    diary.run([diary.phase("a", 2), diary.phase("none", 0), diary.phase("b", 1, steps=1)])
    assert diary.of("begin") == [("a",), ("b",)]
    assert diary.of("step") == [("a", 0, 0), ("a", 0, 1), ("a", 1, 0), ("a", 1, 1), ("b", 2, 0)]
    assert [entry[0] for entry in diary.of("trained")] == [0, 1, 2]
    assert [entry[1] for entry in diary.of("trained")] == pytest.approx([0.6, 0.6, 0.1])
    assert diary.of("kept") == [(0,), (1,), (2,)]


def test_it_stops_when_patience_is_over_and_grace_is_past() -> None:
    diary = Diary([0.5, 0.4, 0.4, 0.4, 0.4, 0.4])
    diary.run([diary.phase("a", 9)], eval_step=1, patience=1, grace=3)
    assert diary.of("validated") == [(0, False), (1, False), (2, False), (3, True), (4, True)]


def test_evaluations_come_every_few_epochs() -> None:
    diary = Diary([0.1, 0.2])
    diary.run([diary.phase("a", 5)], eval_step=2, patience=9)
    assert diary.of("validated") == [(1, True), (3, True)]


def phases_of(diary: Diary) -> list[Phase]:
    return [diary.phase("a", 2, steps=3), diary.phase("b", 2)]


@pytest.mark.parametrize("is_due", [False, True])
@pytest.mark.parametrize("steps", range(1, 11))
def test_a_run_that_goes_on_takes_the_steps_that_are_left(steps: int, is_due: bool) -> None:
    whole, begun, rest = Diary(), Diary(stop_behind=steps, is_due=is_due), Diary()
    whole.run(phases_of(whole))
    try:
        begun.run(phases_of(begun))
    except KeyboardInterrupt:
        assert steps < 10
    restored = []
    start = None if begun.last is None else Start(begun.last, lambda: restored.append(len(rest.of("step"))))
    rest.run(phases_of(rest), start=start)
    taken = len(whole.of("step")) - len(rest.of("step"))
    assert rest.of("step") == whole.of("step")[taken:]
    assert restored == ([] if start is None else [0])
    left = rest.of("trained")
    assert left == whole.of("trained")[len(whole.of("trained")) - len(left) :]
    assert taken == (steps if is_due else max(end for end in (0, 3, 6, 8, 10) if end <= steps))


def test_a_run_whose_patience_was_over_trains_no_more() -> None:
    diary = Diary()
    patience = Patience(0, misses=1, best=0.5)
    start = Start(Position("a", 1), lambda: None)
    Runner(diary, False).run(Schedule((diary.phase("a", 9),)), patience, 1, start)
    assert diary.of("step") == []


def test_what_comes_before_is_not_validated() -> None:
    diary, losses = Diary(), list[float]()
    Runner(diary, False).prepare(diary.phase("warm-up", 3), losses)
    Runner(diary, False).prepare(diary.phase("none", 0), losses)
    assert losses == pytest.approx([0.6, 0.6, 0.6])
    assert diary.of("begin") == [("warm-up",)]
    assert len(diary.of("step")) == 6
    assert diary.of("validated") == diary.of("kept") == diary.of("trained") == []


def test_what_comes_before_goes_on_where_it_was() -> None:
    begun, rest, losses = Diary(stop_behind=3, is_due=True), Diary(), list[float]()
    with pytest.raises(KeyboardInterrupt):
        Runner(begun, False).prepare(begun.phase("warm-up", 3), losses)
    assert begun.last is not None
    Runner(rest, False).prepare(rest.phase("warm-up", 3), losses, Start(begun.last, lambda: None))
    assert rest.of("step") == [("warm-up", 1, 1), ("warm-up", 2, 0), ("warm-up", 2, 1)]
    assert losses == pytest.approx([0.6, 0.6, 0.6])
