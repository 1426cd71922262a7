"""The one loop over epochs: it runs phases, and asks its host to validate and to keep what is best and what is last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch

from recbole_metarec.progress import bar
from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.patience import Patience
from recbole_metarec.training.schedule import Phase, Schedule


class Position(NamedTuple):
    """How far a phase has come.

    Attributes
    ----------
    phase : str
        Its name.
    epoch : int
        The next epoch, or the one within which it is.
    step : int
        Steps of that epoch so far; 0 between epochs.
    loss : float
        Their sum of losses.
    own : mapping
        What the phase itself says of them; see `Phase.state`.
    """

    phase: str
    epoch: int
    step: int = 0
    loss: float = 0.0
    own: Mapping[str, Any] = {}

    def __str__(self) -> str:
        if self.step:
            return f"{self.phase}, behind batch {self.step:,} of epoch {self.epoch + 1:,}"
        return f"{self.phase}, behind epoch {self.epoch:,}"


class Start(NamedTuple):
    """Where a run goes on.

    Attributes
    ----------
    position : Position
    restore : callable
        Takes over optimizer and random state, called when all that comes before the next step is done.
    """

    position: Position
    restore: Callable[[], None]


class Host(Protocol):
    """What a runner asks of those who own the model."""

    def entered(self, phase: Phase, optimizer: TableOptimizer) -> None:
        """Hear that a phase begins, and which optimizer it has."""

    def trained(self, epoch: int, loss: float, seconds: float) -> None:
        """Hear that an epoch on the target has ended, and its mean loss."""

    def validate(self, epoch: int, patience: Patience, counts: bool) -> bool:
        """Evaluate the model, let patience look at the score, keep the model if that is an improvement.

        Returns
        -------
        bool
            Whether training should stop.
        """

    def keep(self, epoch: int) -> None:
        """Keep the model as it is."""

    def is_due(self) -> bool:
        """Whether a state within an epoch should be kept."""

    def reached(self, position: Position) -> None:
        """Keep the state from which training can go on at a position."""


class Runner:
    """Runs phases: each before those on the target alone, then the schedule.

    Parameters
    ----------
    host : Host
    show_progress : bool
        Whether to show how far it has come.

    Attributes
    ----------
    phase : Phase or None
        The present one.
    """

    def __init__(self, host: Host, show_progress: bool) -> None:
        self.host, self.show_progress = host, show_progress
        self.phase: Phase | None = None

    def prepare(self, phase: Phase, losses: list[float], start: Start | None = None) -> None:
        """Run a phase that comes before those on the target, under one bar, without validation.

        Parameters
        ----------
        phase : Phase
        losses : list of float
            The mean loss of each epoch is added to it.
        start : Start, optional
            Where the phase goes on.

        Raises
        ------
        FloatingPointError
            If a loss or a gradient stops being finite.
        """
        if not phase.epochs:
            return
        self._enter(phase)
        position = self._begin(start, phase)
        done, total = position.epoch * phase.steps + position.step, phase.epochs * phase.steps
        with bar(total=total, initial=done, desc=phase.name, show=self.show_progress) as shown:
            for epoch in range(position.epoch, phase.epochs):
                losses.append(run_epoch(phase, epoch, lambda steps: _counted(steps, shown), self.host, start))
                shown.set_postfix_str(f"loss {losses[-1]:.3f}")
                self.host.reached(Position(phase.name, epoch + 1))

    def run(self, schedule: Schedule, patience: Patience, eval_step: int | None, start: Start | None = None) -> None:
        """Run all epochs on the target, or those that are left, until patience is over.

        Parameters
        ----------
        schedule : Schedule
        patience : Patience
        eval_step : int, optional
            Epochs from one evaluation to the next; without it there is nothing to evaluate on, and each epoch is kept.
        start : Start, optional
            Where the schedule goes on.

        Raises
        ------
        FloatingPointError
            If a loss or a gradient stops being finite.
        """
        first = 0
        if start is not None:
            first = start.position.epoch
            if schedule.epochs:
                self._enter(schedule.phase_of(max(0, first - (not start.position.step))))
            self._begin(start, self.phase)
        for epoch in range(first, schedule.epochs if not patience.is_over else first):
            phase = schedule.phase_of(epoch)
            self._enter(phase)
            begin = time.time()
            title = f"{phase.name}, epoch {epoch + 1}"
            shown = partial(bar, desc=title, show=self.show_progress, leave=False, delay=2)
            loss = run_epoch(phase, epoch, shown, self.host, start)
            self.host.trained(epoch, loss, time.time() - begin)
            is_over = False
            if eval_step is None:
                self.host.keep(epoch)
            elif (epoch + 1) % eval_step == 0:
                is_over = self.host.validate(epoch, patience, epoch >= schedule.grace)
            self.host.reached(Position(phase.name, epoch + 1))
            if is_over:
                return

    def _enter(self, phase: Phase) -> None:
        """Begin a phase unless it is the present one."""
        if phase is not self.phase:
            self.phase = phase
            self.host.entered(phase, phase.begin())

    @staticmethod
    def _begin(start: Start | None, phase: Phase | None) -> Position:
        """Go on between epochs; within one that is done behind what comes before its steps."""
        if start is None:
            return Position("" if phase is None else phase.name, 0)
        if not start.position.step:
            start.restore()
        return start.position


def run_epoch(
    phase: Phase,
    epoch: int,
    shown: Callable[[range], Iterable[int]] = iter,
    host: Host | None = None,
    start: Start | None = None,
) -> float:
    """Take the steps of an epoch, or those that are left of it.

    Parameters
    ----------
    phase : Phase
        The present one.
    epoch : int
    shown : callable
        Shows the steps while they are taken.
    host : Host, optional
        Keeps states within the epoch.
    start : Start, optional
        Where the run goes on, perhaps within this epoch.

    Returns
    -------
    float
        The mean loss.
    """
    phase.before_epoch(epoch)
    first, total = 0, torch.zeros(())
    if start is not None and start.position.step and start.position.epoch == epoch:
        first, total = start.position.step, total + start.position.loss
        phase.load_state(start.position.own)
        start.restore()
    for number in shown(range(first, phase.steps)):
        total = total + phase.step(epoch, number)
        if host is not None and number + 1 < phase.steps and host.is_due():
            phase.check()
            host.reached(Position(phase.name, epoch, number + 1, float(total), phase.state()))
    phase.after_epoch()
    return float(total) / max(1, phase.steps)


def _counted(steps: range, shown: Any) -> Iterable[int]:
    for number in steps:
        yield number
        shown.update()
