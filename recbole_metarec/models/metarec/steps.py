"""The steps of MetaRec's training: plain ones on a domain, and meta steps on the target and several sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from recbole_metarec.models.metarec.settings import MetaRecSettings
from recbole_metarec.models.metarec.tasks import DomainTask
from recbole_metarec.nn.encoder import SharedEncoder
from recbole_metarec.training import world
from recbole_metarec.training.finite import FiniteGate, batch_name, take_step
from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.sampler import DomainBatch
from recbole_metarec.transfer.meta import WEIGHTINGS, SourceGradient, combine, source_gradient

# Steps between two looks at what is on the device: losses that are not finite, dead codes.
LOOK_EVERY = 50
# Items that dead codes are drawn from.
REVIVAL_SAMPLE = 16384


class MetaSteps:
    """Takes the steps of a training, on the shared parameters and the domains' tables.

    Parameters
    ----------
    encoder : SharedEncoder
        The shared parameters.
    tasks : sequence of DomainTask
        The target first, then the sources.
    settings : MetaRecSettings
    autocast : bool
        Whether to compute in bfloat16 where torch deems it safe.

    Attributes
    ----------
    optimizer : TableOptimizer
        Of the parameters that learn at present.
    inner_rates : list of dict of str to Tensor
        Inner learning rate of each shared parameter, one mapping for each inner step.
    similarities : Tensor, shape (S,)
        Source-target similarities, smoothed over steps; NaN where a source had no turn yet.
    count : int
        Steps so far.
    opposed_S, turns_S : Tensor, shape (S,)
        In how many meta steps each source wanted the opposite of what the target wanted, and had a turn.
    frozen : bool
        Whether the shared parameters, codebooks included, stay as they are at present.
    """

    optimizer: TableOptimizer
    frozen: bool

    def __init__(
        self, encoder: SharedEncoder, tasks: Sequence[DomainTask], settings: MetaRecSettings, autocast: bool
    ) -> None:
        self.encoder, self.tasks, self.settings, self.autocast = encoder, tasks, settings, autocast
        self.device = tasks[0].table.device
        rate = torch.tensor(settings.inner_learning_rate, device=self.device)
        self.inner_rates = [
            {name: rate.clone().requires_grad_(settings.learn_inner_rates) for name in self._theta()}
            for _ in range(settings.inner_steps)
        ]
        self.similarities = torch.full((len(tasks) - 1,), torch.nan, device=self.device)
        self.opposed_S, self.turns_S = (torch.zeros(len(tasks) - 1, device=self.device) for _ in range(2))
        self.count = 0
        advice = "lower learning_rate or inner_learning_rate, set clip_grad_norm, or let max_bad_batches be skipped"
        self.gate = FiniteGate(self.device, advice, settings.max_bad_batches)
        self.begin(tasks)
        if encoder.quantizer is not None:
            self._revive(torch.inf)

    def _theta(self) -> dict[str, Tensor]:
        return dict(self.encoder.named_parameters())

    def begin(self, tasks: Sequence[DomainTask], freeze: bool = False) -> TableOptimizer:
        """Begin a phase in which the shared parameters and the tables of some domains learn.

        Parameters
        ----------
        tasks : sequence of DomainTask
            Whose tables.
        freeze : bool
            Let the tables learn alone, by plain steps.

        Returns
        -------
        TableOptimizer
            Of what learns.
        """
        settings = self.settings
        self.learning, self.frozen = list(tasks), freeze
        self.encoder.requires_grad_(not freeze)
        shared = [] if freeze else [*self.encoder.parameters()]
        self.optimizer = TableOptimizer(
            settings.learner,
            [*shared, *(task.table for task in tasks if not task.by_rows)],
            [task.table for task in tasks if task.by_rows],
            settings.learning_rate,
            settings.weight_decay,
        )
        return self.optimizer

    def plain_step(self, task: DomainTask, epoch: int, step: int) -> Tensor:
        """Descend on one domain's loss.

        Parameters
        ----------
        task : DomainTask
            Of the domains that learn.
        epoch, step : int
            See `DomainTask.draw`.

        Returns
        -------
        Tensor, scalar
            The loss.
        """
        batch, theta, before = task.draw(epoch, step), self._theta(), self._noted()
        rows, loss = task.rows(batch), _BatchLoss(self, task, batch)
        value = loss(theta, rows)
        learning = [parameter for parameter in theta.values() if parameter.requires_grad]
        *by_theta, by_rows = torch.autograd.grad(value, [*learning, rows], allow_unused=True)
        for parameter, gradient in zip(learning, by_theta, strict=True):
            parameter.grad = gradient
        task.set_gradient(batch, by_rows)
        world.sum_([*self.optimizer.gradients(), value.detach()])
        self._note(loss)
        if not self._descend(value.detach(), batch_name(task.name, epoch, step)):
            self._take_back(before)
        return value.detach()

    def meta_step(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Descend on the target's loss behind the inner steps of several sources.

        Parameters
        ----------
        epoch, step : int
            Of the target, see `DomainTask.draw`; they fix which sources have a turn, too.

        Returns
        -------
        loss : Tensor, scalar
            Weighted target loss.
        weights : Tensor, shape (S,)
            Source weights, 0 for those without a turn.
        """
        settings, theta, before = self.settings, self._theta(), self._noted()
        target, sources = self.tasks[0], self._sources_of_step(epoch, step)
        target_batch = target.draw(epoch, step, len(sources) if settings.split_target else 1)
        target_rows = target.rows(target_batch)
        gradients: list[SourceGradient] = []
        batches: list[DomainBatch] = []
        target_codes = None
        for number, source in enumerate(sources.values()):
            batch = source.draw(settings.warmup_epochs, self.count)
            rows, source_loss = source.rows(batch), _BatchLoss(self, source, batch, twice=settings.second_order)
            target_loss = _BatchLoss(self, target, target_batch, number, target_codes)
            found = source_gradient(
                source_loss,
                target_loss,
                theta,
                rows,
                target_rows,
                self.inner_rates,
                second_order=settings.second_order,
                scope=settings.similarity_scope,
                total=world.summed,
            )
            self._note(source_loss)
            gradients.append(found)
            batches.append(batch)
            if not settings.max_bad_batches:
                name = batch_name(f"{target.name} behind {source.name}", epoch, step)
                self.gate.note(found.loss, 0 * found.similarity, name)
            target_codes = target_loss.codes
        self._note(target_loss)
        similarities = torch.stack([found.similarity for found in gradients])
        meta = combine(
            gradients,
            self._smooth(list(sources), similarities),
            temperature=settings.temperature,
            source_share=settings.source_share,
            weighting=WEIGHTINGS[settings.source_weighting],
        )
        world.sum_([meta.table, *meta.rates.values(), *(found.source_table for found in gradients)])
        for name, parameter in theta.items():
            parameter.grad = meta.theta[name]
        for source, batch, found in zip(sources.values(), batches, gradients, strict=True):
            source.set_gradient(batch, found.source_table)
        target.set_gradient(target_batch, meta.table)
        if self._descend(meta.loss, batch_name(f"{target.name} behind its sources", epoch, step)):
            self._learn_rates(meta.rates)
            self.opposed_S[list(sources)] += similarities < 0
            self.turns_S[list(sources)] += 1
        else:
            self._take_back(before)
        weights = torch.zeros(len(self.tasks) - 1, device=self.device)
        weights[list(sources)] = meta.weights
        return meta.loss, weights

    def _sources_of_step(self, epoch: int, step: int) -> dict[int, DomainTask]:
        sources = self.tasks[1:]
        number = self.settings.sources_per_step or len(sources)
        rng = np.random.default_rng((self.settings.seed, epoch, step))
        chosen = sorted(rng.choice(len(sources), min(number, len(sources)), replace=False).tolist())
        return {i: sources[i] for i in chosen}

    def _smooth(self, chosen: list[int], found: Tensor) -> Tensor:
        before = self.similarities[chosen]
        smooth = torch.where(before.isnan(), found, torch.lerp(found, before, self.settings.similarity_smoothing))
        self.similarities[chosen] = smooth
        return smooth

    @torch.no_grad()
    def _learn_rates(self, gradients: Mapping[str, Tensor]) -> None:
        for name, gradient in gradients.items():
            k, _, parameter = name.partition(".")
            rate = self.inner_rates[int(k)][parameter]
            rate.sub_(self.settings.inner_rate_learning_rate * gradient).clamp_(min=0)

    def _noted(self) -> list[tuple[Tensor, Tensor]]:
        """Copy what a step changes before it is known to be finite, if it may be skipped."""
        if not self.settings.max_bad_batches:
            return []
        return [(tensor, tensor.clone()) for tensor in (*self.encoder.buffers(), self.similarities)]

    @torch.no_grad()
    def _take_back(self, before: Sequence[tuple[Tensor, Tensor]]) -> None:
        for tensor, copy in before:
            tensor.copy_(copy)

    def _descend(self, loss: Tensor, name: str) -> bool:
        """Take a step; returns whether it was taken."""
        admitted = take_step(self.optimizer, self.settings.clip_grad_norm, self.gate, loss, name)
        self.count += 1
        if self.count % LOOK_EVERY == 0:
            self.gate.check()
            if self.encoder.quantizer is not None and self.settings.dead_code_threshold and not self.frozen:
                self._revive(self.settings.dead_code_threshold)
        return admitted

    # -- codebooks ----------------------------------------------------------------------------------------------

    def _note(self, loss: _BatchLoss) -> None:
        if self.encoder.quantizer is not None and loss.codes is not None and not self.frozen:
            self.encoder.quantizer.update(loss.items[1:], loss.codes)

    @torch.no_grad()
    def _revive(self, threshold: float) -> None:
        assert self.encoder.quantizer is not None
        generator = torch.Generator().manual_seed(self.settings.seed + self.count)
        ends = np.cumsum([len(task.table) - 1 for task in self.learning])
        drawn = torch.arange(ends[-1])
        if len(drawn) > REVIVAL_SAMPLE:
            drawn = torch.randint(int(ends[-1]), (REVIVAL_SAMPLE,), generator=generator).sort().values
        parts = drawn.tensor_split(torch.searchsorted(drawn, torch.from_numpy(ends))[:-1])
        begins = [0, *ends[:-1].tolist()]
        items = []
        for task, part, begin in zip(self.learning, parts, begins, strict=True):
            ids = (part - begin + 1).to(self.device)
            own = None if task.features is None else task.features.rows(ids)
            items.append(self.encoder.with_features(task.table[ids], own))
        self.encoder.quantizer.revive(torch.cat(items), threshold, generator)


class _BatchLoss:
    """Loss of a part of a batch as a function of shared parameters and rows.

    The nearest codes are searched for once: those of the first call hold for all others of the step.
    """

    items: Tensor

    def __init__(
        self,
        steps: MetaSteps,
        task: DomainTask,
        batch: DomainBatch,
        part: int = 0,
        codes: Tensor | None = None,
        twice: bool = False,
    ) -> None:
        self.steps, self.batch = steps, batch.batches[part % len(batch.batches)]
        self.codes, self.twice = codes, twice
        self.features = task.features_of(batch)

    def __call__(self, theta: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        steps = self.steps
        arguments = (rows, self.batch, self.codes, self.twice, self.features)
        with torch.autocast(steps.device.type, torch.bfloat16, enabled=steps.autocast):
            found = functional_call(steps.encoder, dict(theta), arguments)
        self.codes, self.items = found.codes, found.items.detach()
        loss: Tensor = found.loss
        return loss
