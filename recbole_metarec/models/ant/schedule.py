"""ANT's training on the target as phases: first with the sequence model as pre-trained, then of everything."""

from __future__ import annotations

from collections.abc import Set
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import normalize

from recbole_metarec.models.ant.model import ANT
from recbole_metarec.models.ant.settings import ANTSettings
from recbole_metarec.nn.encoder import next_item_loss, read_windows
from recbole_metarec.training import world
from recbole_metarec.training.finite import FiniteGate, batch_name, take_step
from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.sampler import BatchSampler
from recbole_metarec.training.schedule import Phase, Schedule


class TargetSteps:
    """Steps on batches of the target.

    Parameters
    ----------
    model : ANT
    sampler : BatchSampler
        Of the target.
    settings : ANTSettings
    autocast : bool
        Whether to compute in bfloat16 where torch deems it safe.

    Attributes
    ----------
    optimizer : TableOptimizer
        Of what learns at present.
    frozen : frozenset of str
        Names of the core's parameters that do not learn at present.
    """

    optimizer: TableOptimizer

    def __init__(self, model: ANT, sampler: BatchSampler, settings: ANTSettings, autocast: bool) -> None:
        self.model, self.sampler, self.settings, self.autocast = model, sampler, settings, autocast
        advice = "lower learning_rate, set clip_grad_norm, or let max_bad_batches be skipped"
        self.gate = FiniteGate(sampler.device, advice, settings.max_bad_batches)
        self.frozen: frozenset[str] = frozenset()

    def begin(self, frozen: Set[str]) -> TableOptimizer:
        """Let learn what is not frozen.

        Parameters
        ----------
        frozen : set of str
            Names of parameters of the core.

        Returns
        -------
        TableOptimizer
        """
        self.frozen = frozenset(frozen)
        for name, parameter in self.model.core.named_parameters():
            parameter.requires_grad_(name not in frozen)
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        settings = self.settings
        rate, decay = settings.learning_rate, settings.weight_decay
        self.optimizer = TableOptimizer(settings.learner, learning, [], rate, decay)
        return self.optimizer

    def before_epoch(self, epoch: int) -> None:
        """Set the learning rate of an epoch."""
        self.model.train()
        self.optimizer.set_learning_rate(self.settings.learning_rate * self.settings.learning_rate_decay**epoch)

    def step(self, epoch: int, step: int) -> Tensor:
        """Descend on one batch of the target; see `BatchSampler.draw`.

        What the batch speaks of, all items that the training part has or those of a sampled softmax, is encoded once.

        Returns
        -------
        Tensor, scalar
            The loss.
        """
        drawn, model = self.sampler.draw(epoch, step), self.model
        (batch,) = drawn.batches
        with torch.autocast(self.sampler.device.type, torch.bfloat16, enabled=self.autocast):
            vectors_ID = self._vectors(drawn.ids)
            states_ND = normalize(read_windows(model.core.backbone, vectors_ID, batch), dim=-1)
            loss = next_item_loss(states_ND, model.outputs(vectors_ID), batch)
        if self.optimizer.parameters:
            loss.backward()
        world.sum_([*self.optimizer.gradients(), loss.detach()])
        if self.optimizer.parameters:
            name = batch_name(self.sampler.name, epoch, step)
            take_step(self.optimizer, self.settings.clip_grad_norm, self.gate, loss.detach(), name)
        return loss.detach()

    def _vectors(self, ids: Tensor | None) -> Tensor:
        """Compute the vectors of items, each in one process, for all of them."""
        assert ids is not None  # a sampler of items that were had
        with world.dealt(len(ids)) as rows:
            vectors_iD = self.model.item_vectors(ids[rows])
        return world.joined(vectors_iD, len(ids))


def make_schedule(steps: TargetSteps, frozen: Set[str]) -> Schedule:
    """Make the schedule of the epochs on the target.

    Parameters
    ----------
    steps : TargetSteps
    frozen : set of str
        Names of the core's parameters that adaptation keeps as they are; with re-learning they thaw.

    Returns
    -------
    Schedule
    """
    settings, epochs = steps.settings, steps.settings.epochs
    thaws = settings.adapt == "relearn" and settings.thaw_after is not None and bool(frozen)
    kept = min(settings.thaw_after or 0, epochs) if thaws else epochs
    return Schedule((_phase(steps, kept, frozen), _phase(steps, epochs - kept, frozenset())))


def _phase(steps: TargetSteps, epochs: int, frozen: Set[str]) -> Phase:
    return Phase(
        "fine-tuning" if not frozen else "fine-tuning under a frozen encoder",
        epochs,
        len(steps.sampler.windows),
        begin=partial(steps.begin, frozen),
        step=steps.step,
        before_epoch=steps.before_epoch,
        after_epoch=steps.gate.check,
        check=steps.gate.check,
    )
