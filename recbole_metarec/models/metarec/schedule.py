"""MetaRec's training as phases: warm-up on the sources, meta transfer guided by the target, fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_metarec.models.metarec.settings import MetaRecSettings
from recbole_metarec.models.metarec.steps import MetaSteps
from recbole_metarec.models.metarec.tasks import DomainTask
from recbole_metarec.training.schedule import Phase, Schedule


class WarmUp:
    """Joint training on the sources alone, their steps in random order.

    Parameters
    ----------
    steps : MetaSteps
    settings : MetaRecSettings
    train_mode : callable
        Switches the model to training.
    """

    def __init__(self, steps: MetaSteps, settings: MetaRecSettings, train_mode: Callable[[], object]) -> None:
        self.steps, self.settings, self.train_mode = steps, settings, train_mode
        self.sources: Sequence[DomainTask] = steps.tasks[1:]

    def phase(self) -> Phase:
        """Return it as a phase."""
        return Phase(
            "warm-up on the sources",
            self.settings.warmup_epochs if self.sources else 0,
            sum(len(task.windows) for task in self.sources),
            begin=partial(self.steps.begin, self.sources),
            step=self._step,
            before_epoch=self._shuffle,
            after_epoch=self.steps.gate.check,
            check=self.steps.gate.check,
            state=lambda: {"taken": self._taken},
            load_state=self._load_state,
        )

    def _shuffle(self, epoch: int) -> None:
        self.train_mode()
        steps = np.concatenate([np.full(len(task.windows), i) for i, task in enumerate(self.sources)])
        self._order = np.random.default_rng((self.settings.seed, epoch)).permutation(steps)
        self._taken = [0] * len(self.sources)

    def _load_state(self, state: Mapping[str, Any]) -> None:
        self._taken = [int(number) for number in state["taken"]]

    def _step(self, epoch: int, number: int) -> Tensor:
        source = self._order[number]
        loss = self.steps.plain_step(self.sources[source], epoch, self._taken[source])
        self._taken[source] += 1
        return loss


class MetaTransfer:
    """Meta steps on the target and its sources; keeps the sources' weights.

    Parameters
    ----------
    steps : MetaSteps
    history : list of dict of str to float
        The mean weights of each epoch are added to it, by source.
    """

    def __init__(self, steps: MetaSteps, history: list[dict[str, float]]) -> None:
        self.steps, self.history = steps, history
        self._weights: list[Tensor] = []

    def step(self, epoch: int, number: int) -> Tensor:
        """Take a meta step; returns its loss."""
        loss, weights = self.steps.meta_step(epoch, number)
        self._weights.append(weights)
        return loss

    def after_epoch(self) -> None:
        """Take note of the epoch's weights."""
        self.steps.gate.check()
        mean = torch.stack(self._weights).mean(0).tolist()
        self.history.append({task.name: weight for task, weight in zip(self.steps.tasks[1:], mean, strict=True)})
        self._weights = []

    def state(self) -> dict[str, Any]:
        """Return the weights of the epoch's steps so far."""
        return {"weights": self._weights}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self._weights = [weights.to(self.steps.device) for weights in state["weights"]]


def make_schedule(
    steps: MetaSteps, settings: MetaRecSettings, history: list[dict[str, float]], train_mode: Callable[[], object]
) -> Schedule:
    """Make the schedule of the epochs on the target.

    Without sources they are fine-tuning alone, of everything. The first epoch whose miss counts for patience is that of
    fine-tuning, with sources and without. Where there is none, misses do not count at first: the target's table is new,
    with sources to shared parameters that warm-up has made, and validation rises and falls.

    Parameters
    ----------
    steps : MetaSteps
    settings : MetaRecSettings
    history : list of dict
        See `MetaTransfer`.
    train_mode : callable
        Switches the model to training.

    Returns
    -------
    Schedule
    """
    target, *sources = steps.tasks
    meta_epochs = settings.epochs if settings.meta_epochs is None else min(settings.meta_epochs, settings.epochs)
    meta_epochs = meta_epochs if sources else 0
    transfer = MetaTransfer(steps, history)

    def before_epoch(epoch: int) -> None:
        train_mode()

    phases = (
        Phase(
            "meta transfer",
            meta_epochs,
            len(target.windows),
            begin=partial(steps.begin, steps.tasks),
            step=transfer.step,
            before_epoch=before_epoch,
            after_epoch=transfer.after_epoch,
            check=steps.gate.check,
            state=transfer.state,
            load_state=transfer.load_state,
        ),
        Phase(
            "fine-tuning",
            settings.epochs - meta_epochs,
            len(target.windows),
            begin=partial(steps.begin, [target], settings.freeze and bool(sources)),
            step=partial(steps.plain_step, target),
            before_epoch=before_epoch,
            after_epoch=steps.gate.check,
            check=steps.gate.check,
        ),
    )
    grace = settings.stopping_step if settings.meta_epochs is None else settings.meta_epochs
    return Schedule(phases, grace)
