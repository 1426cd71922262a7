"""A training as a schedule: phases one behind the other, each a function of epoch and step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from recbole_metarec.training.optimizer import TableOptimizer


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True)
class Phase:
    """A stretch of training in which the same parameters learn from the same loss.

    Parameters
    ----------
    name : str
        As progress bars show it.
    epochs : int
        Number of its epochs.
    steps : int
        Number of steps in each.
    begin : callable
        Lets learn what is to learn; returns the optimizer of it.
    step : callable
        Takes the step of an epoch and a number, and returns its loss, a detached scalar.
    before_epoch : callable, optional
        Told the epoch.
    after_epoch : callable, optional
        Called behind the last step; it may raise ``FloatingPointError``.
    check : callable, optional
        Called behind a step within an epoch before the state there is kept; it may raise ``FloatingPointError``.
    state, load_state : callable, optional
        Return, as plain values and tensors, what steps hand on to others of the epoch beside parameters and optimizer,
        and take it again behind ``before_epoch``.
    """

    name: str
    epochs: int
    steps: int
    begin: Callable[[], TableOptimizer]
    step: Callable[[int, int], Tensor]
    before_epoch: Callable[[int], None] = _nothing
    after_epoch: Callable[[], None] = _nothing
    check: Callable[[], None] = _nothing
    state: Callable[[], dict[str, Any]] = dict
    load_state: Callable[[Mapping[str, Any]], None] = _nothing


@dataclass(frozen=True)
class Schedule:
    """The phases on the target, whose epochs are validated and counted together.

    Parameters
    ----------
    phases : tuple of Phase
        In order; those without an epoch are passed over.
    grace : int
        First epochs whose misses do not count for patience.
    """

    phases: tuple[Phase, ...] = ()
    grace: int = 0

    def phase_of(self, epoch: int) -> Phase:
        """Return the phase of an epoch, counted from the first phase's first one."""
        end = 0
        for phase in self.phases:
            end += phase.epochs
            if epoch < end:
                return phase
        raise IndexError(f"the schedule has {end} epochs only")

    @property
    def epochs(self) -> int:
        """Number of epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)
