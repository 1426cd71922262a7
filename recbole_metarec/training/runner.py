"""The one loop over epochs: it runs a schedule, and asks its host to validate and to keep what is best."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Protocol

import torch
from tqdm import tqdm

from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.patience import Patience
from recbole_metarec.training.schedule import Phase, Schedule


class Host(Protocol):
    """What a runner asks of those who own the model."""

    def entered(self, phase: Phase, optimizer: TableOptimizer) -> None:
        """Hear that a phase begins, and which optimizer it has."""

    def trained(self, epoch: int, loss: float, seconds: float) -> None:
        """Hear that an epoch has ended, and its mean loss."""

    def validate(self, epoch: int, patience: Patience, counts: bool) -> bool:
        """Evaluate the model, let patience look at the score, keep the model if that is an improvement.

        Returns
        -------
        bool
            Whether training should stop.
        """

    def keep(self, epoch: int) -> None:
        """Keep the model as it is."""


class Runner:
    """Runs the phases of a schedule.

    Parameters
    ----------
    schedule : Schedule
    host : Host
    patience : Patience
    eval_step : int, optional
        Epochs from one evaluation to the next; without it there is nothing to evaluate on, and each epoch is kept.
    show_progress : bool
        Whether to show bars, in a terminal.

    Attributes
    ----------
    phase : Phase or None
        The present one.
    """

    def __init__(
        self, schedule: Schedule, host: Host, patience: Patience, eval_step: int | None, show_progress: bool
    ) -> None:
        self.schedule, self.host, self.patience = schedule, host, patience
        self.eval_step, self.show_progress = eval_step, show_progress
        self.phase: Phase | None = None

    def enter(self, epoch: int) -> None:
        """Begin the phase of an epoch unless it is the present one."""
        phase = self.schedule.phase_of(epoch)
        if phase is not self.phase:
            self.phase = phase
            self.host.entered(phase, phase.begin())

    def run(self, first: int = 0) -> None:
        """Run all epochs from a first one on, until patience is over.

        Raises
        ------
        FloatingPointError
            If a loss or a gradient stops being finite.
        """
        for epoch in range(first, self.schedule.epochs):
            self.enter(epoch)
            assert self.phase is not None
            begin = time.time()
            steps = _bar(range(self.phase.steps), f"{self.phase.name}, epoch {epoch + 1}", self.show_progress)
            loss = run_epoch(self.phase, epoch, steps)
            self.host.trained(epoch, loss, time.time() - begin)
            if self.eval_step is None:
                self.host.keep(epoch)
            elif (epoch + 1) % self.eval_step == 0 and self.host.validate(
                epoch, self.patience, epoch >= self.schedule.grace
            ):
                return


def run_epoch(phase: Phase, epoch: int, steps: Iterable[int]) -> float:
    """Take the steps of an epoch; returns their mean loss."""
    phase.before_epoch(epoch)
    total = torch.zeros(())
    for number in steps:
        total = total + phase.step(epoch, number)
    phase.after_epoch()
    return float(total) / max(1, phase.steps)


def prepare(phase: Phase, show_progress: bool) -> list[float]:
    """Run a phase that comes before those on the target, under one bar, without validation.

    Parameters
    ----------
    phase : Phase
    show_progress : bool
        Whether to show a bar, in a terminal.

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    FloatingPointError
        If a loss or a gradient stops being finite.
    """
    if not phase.epochs:
        return []
    phase.begin()
    losses: list[float] = []
    total = phase.epochs * phase.steps
    # None: unless it is a terminal
    with tqdm(total=total, desc=phase.name, disable=None if show_progress else True) as bar:
        for epoch in range(phase.epochs):
            losses.append(run_epoch(phase, epoch, _counted(phase.steps, bar)))
            bar.set_postfix_str(f"loss {losses[-1]:.3f}")
    return losses


def _counted(steps: int, bar: tqdm[Any]) -> Iterable[int]:
    for number in range(steps):
        yield number
        bar.update()


def _bar(steps: range, title: str, show_progress: bool) -> Iterable[int]:
    return tqdm(steps, desc=title, disable=None if show_progress else True, leave=False, delay=2)
