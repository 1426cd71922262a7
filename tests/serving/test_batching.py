"""Questions get their own answers, however they come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from recbole_metarec.serving.batching import Batcher, Busy


class Computer:
    """Answers with squares, once it may; negative questions are mistakes."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, questions: Sequence[int]) -> list[int]:
        self.batches.append([*questions])
        assert self.may_go_on.wait(10)
        if min(questions) < 0:
            raise ValueError(f"{min(questions)} is negative")
        return [question**2 for question in questions]


def ask_all(questions: Sequence[int], **limits: int) -> tuple[list[list[int]], list[object]]:
    """Ask a first question, the others while it is being answered; return batches and outcomes."""
    computer = Computer()

    async def ask() -> list[object]:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher[int, int](computer, executor, **limits)
            tasks = [asyncio.create_task(batcher.ask(questions[0]))]
            while not computer.batches:
                await asyncio.sleep(0.001)
            tasks += [asyncio.create_task(batcher.ask(question)) for question in questions[1:]]
            await asyncio.sleep(0)
            computer.may_go_on.set()
            return [*await asyncio.gather(*tasks, return_exceptions=True)]

    return computer.batches, asyncio.run(ask())


def test_what_comes_while_another_is_answered_goes_together() -> None:
    batches, outcomes = ask_all(range(8), largest=5)
    assert batches == [[0], [1, 2, 3, 4, 5], [6, 7]]
    assert outcomes == [question**2 for question in range(8)]


def test_a_mistake_spoils_no_other_question() -> None:
    _, outcomes = ask_all([0, 1, -2, 3])
    assert isinstance(outcomes.pop(2), ValueError)
    assert outcomes == [0, 1, 9]


def test_more_than_may_wait_are_sent_away() -> None:
    _, outcomes = ask_all(range(5), waiting=3)
    assert isinstance(outcomes.pop(), Busy)
    assert outcomes == [0, 1, 4, 9]


def test_who_gave_up_is_not_answered() -> None:
    computer = Computer()

    async def ask() -> int:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher[int, int](computer, executor)
            first, second, third = (asyncio.create_task(batcher.ask(question)) for question in range(3))
            while not computer.batches:
                await asyncio.sleep(0.001)
            late = asyncio.create_task(batcher.ask(7))
            await asyncio.sleep(0)
            late.cancel()
            computer.may_go_on.set()
            await asyncio.gather(first, second, third)
            return await batcher.ask(4)

    assert asyncio.run(ask()) == 16
    assert not any(7 in batch for batch in computer.batches)


def test_an_answer_too_few_is_an_error_and_no_wait() -> None:
    async def ask() -> int:
        with ThreadPoolExecutor(1) as executor:
            return await asyncio.wait_for(Batcher[int, int](lambda _: [], executor).ask(1), 10)

    with pytest.raises(ValueError, match="zip"):
        asyncio.run(ask())
