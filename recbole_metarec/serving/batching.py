"""Answers questions that come at the same time together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Busy(Exception):
    """More questions wait than may wait."""


class Batcher(Generic[Question, Answer]):
    """Collects questions while others are being answered, and then answers them as one batch.

    Nothing waits while nothing is computed, and batches grow by themselves with the load.

    Parameters
    ----------
    compute : callable
        Answers a batch, in order. Where it raises, each question of the batch is asked alone, so that a mistake in one
        spoils no other.
    executor : Executor
        Where it runs.
    largest : int
        Most questions of a batch.
    waiting : int
        Most questions that may wait.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Question]], Sequence[Answer]],
        executor: Executor,
        largest: int = 64,
        waiting: int = 1024,
    ) -> None:
        self._compute, self._executor, self._largest, self._most = compute, executor, largest, waiting
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """Wait for the answer to a question.

        Raises
        ------
        Busy
            If too many wait already.
        Exception
            What ``compute`` raises for this question.
        """
        if len(self._waiting) >= self._most:
            raise Busy
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
                batch = [(question, future) for question, future in batch if not future.done()]  # some were given up
                questions = [question for question, _ in batch]
                outcomes = await asyncio.get_running_loop().run_in_executor(self._executor, self._outcomes, questions)
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if future.done():
                        continue
                    if isinstance(outcome, _Failure):
                        future.set_exception(outcome.error)
                    else:
                        future.set_result(outcome)
        finally:
            self._worker = None

    def _outcomes(self, questions: Sequence[Question]) -> Sequence[Answer | _Failure]:
        if not questions:
            return []
        try:
            return [answer for _, answer in zip(questions, self._compute(questions), strict=True)]
        except Exception as error:
            if len(questions) == 1:
                return [_Failure(error)]
            return [outcome for question in questions for outcome in self._outcomes([question])]


class _Failure:
    def __init__(self, error: Exception) -> None:
        self.error = error
