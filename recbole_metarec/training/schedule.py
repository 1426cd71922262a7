"""A training as a schedule: phases one behind the other, each a function of epoch and step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    """

    name: str
    epochs: int
    steps: int
    begin: Callable[[], TableOptimizer]
    step: Callable[[int, int], Tensor]
    before_epoch: Callable[[int], None] = _nothing
    after_epoch: Callable[[], None] = _nothing


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
