"""Pre-training of ANT's core on the source domains merged into one."""

# Shapes: B windows, N positions, U distinct items, D width.

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from recbole_metarec.domains.domain import Domain, merge
from recbole_metarec.domains.windows import WindowSampler
from recbole_metarec.models.ant.core import Core
from recbole_metarec.models.ant.settings import ANTSettings
from recbole_metarec.nn.adapter import AdaptedItems
from recbole_metarec.nn.batches import deal
from recbole_metarec.nn.contrast import image_text_contrast, next_item_contrast
from recbole_metarec.nn.encoder import read_windows
from recbole_metarec.nn.item_features import ItemFeatures
from recbole_metarec.training import world
from recbole_metarec.training.finite import FiniteGate, batch_name, take_step
from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.schedule import Phase


class Source(NamedTuple):
    """A domain to pre-train on, with the features of its items."""

    domain: Domain
    features: ItemFeatures


class Pretraining:
    """Pre-trains a core.

    Parameters
    ----------
    core : Core
        What learns.
    sources : sequence of Source
        At least one.
    settings : ANTSettings
    device : torch.device
        Where the core is.
    autocast : bool
        Whether to compute in bfloat16 where torch deems it safe.
    gate : FiniteGate
        That its losses pass.
    """

    def __init__(
        self,
        core: Core,
        sources: Sequence[Source],
        settings: ANTSettings,
        device: torch.device,
        autocast: bool,
        gate: FiniteGate,
    ) -> None:
        self.core, self.settings, self.device, self.autocast, self.gate = core, settings, device, autocast, gate
        self.windows = WindowSampler(
            merge("all sources", [source.domain for source in sources]),
            settings.MAX_ITEM_LIST_LENGTH,
            settings.pretrain_batch_size,
            settings.seed,
        )
        sizes = torch.tensor([source.domain.n_items for source in sources])
        numbers = torch.arange(len(sources)).repeat_interleave(sizes)
        self.domain_of_item = torch.cat([numbers[:1], numbers]).to(device)
        self.features = merge_features([source.features for source in sources])

    def phase(self) -> Phase:
        """Return it as a phase."""
        return Phase(
            "pre-training on the sources",
            self.settings.pretrain_epochs,
            len(self.windows),
            begin=self._begin,
            step=self.step,
            before_epoch=self._before_epoch,
            after_epoch=self.gate.check,
            check=self.gate.check,
        )

    def _begin(self) -> TableOptimizer:
        settings, parameters = self.settings, list(self.core.parameters())
        rate, decay = settings.learning_rate, settings.weight_decay
        self.optimizer = TableOptimizer(settings.learner, parameters, [], rate, decay)
        self.core.train()
        return self.optimizer

    def _before_epoch(self, epoch: int) -> None:
        settings = self.settings
        self.optimizer.set_learning_rate(settings.learning_rate * settings.pretrain_learning_rate_decay**epoch)

    def step(self, epoch: int, step: int) -> Tensor:
        """Descend on one batch; see `WindowSampler.batch`.

        Returns
        -------
        Tensor, scalar
            The loss.
        """
        inputs_BL, targets_BL = self.windows.batch(epoch, step)
        ids, rows = torch.cat([torch.zeros(1, dtype=torch.long), inputs_BL.flatten(), targets_BL.flatten()]).unique(
            return_inverse=True
        )
        inputs_BL, targets_BL = (part.view_as(inputs_BL).to(self.device) for part in rows[1:].chunk(2))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            loss = self._loss(ids.to(self.device), inputs_BL, targets_BL)
        loss.backward()
        world.sum_([*self.optimizer.gradients(), loss.detach()])
        name = batch_name("the sources", epoch, step)
        take_step(self.optimizer, self.settings.clip_grad_norm, self.gate, loss.detach(), name)
        return loss.detach()

    def _loss(self, ids_U: Tensor, inputs_BL: Tensor, targets_BL: Tensor) -> Tensor:
        settings, batch = self.settings, deal(inputs_BL, targets_BL, world.number(), world.size())
        adapted = self._adapted(ids_U)
        states_ND = normalize(read_windows(self.core.backbone, adapted.vectors, batch), dim=-1)
        rows_T, times_T = targets_BL[targets_BL > 0].unique(return_counts=True)
        targets_N = torch.searchsorted(rows_T, batch.targets_N)
        items_TD = normalize(adapted.vectors.index_select(0, rows_T), dim=-1)
        groups = None
        if not settings.contrast_across_domains:
            domain_T = self.domain_of_item[ids_U[rows_T]]
            groups = domain_T[targets_N], domain_T
        loss = next_item_contrast(states_ND, items_TD, targets_N, settings.temperature, groups, times_T)
        if batch.part is not None:
            loss = loss * batch.part.weight
        if settings.image_text_weight and {"image", "text"} <= adapted.parts.keys():
            image_UD, text_UD = (normalize(adapted.parts[name], dim=-1) for name in ("image", "text"))
            both = (image_UD.any(1) & text_UD.any(1))[rows_T]
            pictures, texts = (part.index_select(0, rows_T)[both] for part in (image_UD, text_UD))
            weight = settings.image_text_weight / world.size()
            loss = loss + weight * image_text_contrast(pictures, texts, settings.temperature)
        return loss

    def _adapted(self, ids_U: Tensor) -> AdaptedItems:
        """Compute the vectors of items, each in one process, for all of them."""
        with world.dealt(len(ids_U)) as rows:
            adapted: AdaptedItems = self.core.adapter(self.features.rows(ids_U[rows].cpu()).to(self.device))
        if world.size() == 1:
            return adapted
        every = world.joined(torch.cat([adapted.vectors, *adapted.parts.values()], 1), len(ids_U))
        vectors, *parts = every.split(adapted.vectors.shape[1], 1)
        return AdaptedItems(vectors, dict(zip(adapted.parts, parts, strict=True)))


def merge_features(parts: Sequence[ItemFeatures]) -> ItemFeatures:
    """Put the features of domains one behind the other, as `merge` does with their items.

    Parameters
    ----------
    parts : sequence of ItemFeatures
        Row 0 of each is padding.

    Returns
    -------
    ItemFeatures
        Row 0 is padding; where a domain lacks a modality, its items do.
    """
    samples = {name: values[:1] for part in parts for name, values in part.values.items()}
    sizes = [len(next(iter(part.present.values()))) - 1 for part in parts]
    values, present = {}, {}
    for name, sample in samples.items():
        padding = torch.zeros_like(sample)
        of_parts = [
            part.values[name][1:] if name in part.values else padding.expand(size, *sample.shape[1:])
            for part, size in zip(parts, sizes, strict=True)
        ]
        flags = [
            part.present[name][1:] if name in part.present else torch.zeros(size, dtype=torch.bool)
            for part, size in zip(parts, sizes, strict=True)
        ]
        values[name] = torch.cat([padding, *of_parts])
        present[name] = torch.cat([torch.zeros(1, dtype=torch.bool), *flags])
    return ItemFeatures(values, present)
