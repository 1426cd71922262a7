"""The domains of a suite as tasks to learn from: tables, batches, negatives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from recbole_metarec.config import for_domain
from recbole_metarec.data.dataset import load_domain
from recbole_metarec.data.domain import Domain, DomainSuite
from recbole_metarec.data.spectrum import spectral_vectors
from recbole_metarec.data.windows import WindowSampler
from recbole_metarec.errors import UserError
from recbole_metarec.model.encoder import Batch, Negatives, make_batch
from recbole_metarec.model.loss import NegativeSampler
from recbole_metarec.trainer.optimizer import is_lazy, row_gradient


def load_suite(config: Any, target: Domain) -> DomainSuite:
    """Load the source domains of a configuration.

    Parameters
    ----------
    config : recbole.config.Config
        The target's configuration; ``source_datasets`` names the sources.
    target : Domain
        Training part of the target domain.

    Returns
    -------
    DomainSuite

    Raises
    ------
    UserError
        If a domain is refused or has no sequence of two items: all of them.
    """
    domains = [target]
    problems: list[str] = []
    for name in config["source_datasets"] or ():
        try:
            domains.append(load_domain(for_domain(config, name)))
        except UserError as error:
            problems += error.problems
    problems += [
        f"{domain.name}: no sequence is long enough: a user needs two items{' before those held out' * (not number)}; "
        "loosen the filters or choose another dataset"
        for number, domain in enumerate(domains)
        if domain.n_sequences == 0 or domain.lengths.max() < 2
    ]
    if problems:
        raise UserError(problems)
    return DomainSuite(target, tuple(domains[1:]))


class Lesson(NamedTuple):
    """What a step takes from a domain.

    Attributes
    ----------
    ids : LongTensor, shape (I,), or None
        The items that the batches speak of, padding first, in rising order: row ``r`` of a batch is item ``ids[r]``.
        ``None`` if rows are items.
    batches : tuple of Batch
        The step's windows in one or several parts, none of them empty.
    """

    ids: Tensor | None
    batches: tuple[Batch, ...]


class DomainTask(nn.Module):
    """A domain to learn from: its item table, its batches, its negatives.

    Parameters
    ----------
    domain : Domain
        Where the windows come from.
    table : nn.Parameter, shape (n_items + 1, D)
        Item embeddings.
    config : recbole.config.Config
        Keys of ``properties/model/MetaRec.yaml``.
    seed : int
        Seed of batches and negatives.
    """

    log_inclusion: Tensor

    def __init__(self, domain: Domain, table: nn.Parameter, config: Any, seed: int) -> None:
        super().__init__()
        self.name = domain.name
        self.table = table
        self.windows = WindowSampler(domain, config["MAX_ITEM_LIST_LENGTH"], config["train_batch_size"], seed)
        self.seed = seed
        self.n_negatives = config["n_negatives"]
        sampled = config["softmax"] == "sampled"
        if config["softmax"] == "auto":
            sampled = domain.n_items > config["full_softmax_max_items"]
        self.negative_sampler = None
        if sampled:
            self.negative_sampler = NegativeSampler(torch.from_numpy(domain.item_counts()), config["negative_power"])
            log_inclusion = self.negative_sampler.log_inclusion(self.n_negatives)
            self.register_buffer("log_inclusion", log_inclusion, persistent=False)
        self.by_rows = sampled and is_lazy(config["learner"])

    def draw(self, epoch: int, step: int, parts: int = 1) -> Lesson:
        """Draw the windows and negatives of a step; (seed, epoch, step) fixes both.

        Parameters
        ----------
        epoch, step : int
            See `WindowSampler.batch`.
        parts : int
            Deal the windows out to so many batches, which share the negatives; fewer if there are fewer windows.

        Returns
        -------
        Lesson
        """
        device, (inputs_BL, targets_BL) = self.table.device, self.windows.batch(epoch, step)
        parts = min(parts, len(inputs_BL))
        ids = negatives = None
        if self.negative_sampler is not None:
            seed = int(np.random.SeedSequence((self.seed, epoch, step)).generate_state(1)[0])
            drawn = self.negative_sampler.draw(self.n_negatives, torch.Generator().manual_seed(seed))
            every = torch.cat([drawn.new_zeros(1), inputs_BL.flatten(), targets_BL.flatten(), drawn])
            ids, rows = every.unique(return_inverse=True)
            inputs_BL, targets_BL = (x.view_as(inputs_BL) for x in rows[1 : -len(drawn)].chunk(2))
            ids, drawn = ids.to(device), rows[-len(drawn) :].to(device)
            negatives = Negatives(drawn, self.log_inclusion[ids])
        batches = (make_batch(inputs_BL[i::parts], targets_BL[i::parts]) for i in range(parts))
        return Lesson(ids, tuple(batch.to(device, negatives) for batch in batches))

    def rows(self, lesson: Lesson) -> Tensor:
        """Return the embeddings that a lesson's batches speak of, requiring gradients, shape (I, D)."""
        if lesson.ids is None:
            return self.table
        return self.table.detach().index_select(0, lesson.ids).requires_grad_()

    def set_gradient(self, lesson: Lesson, gradient: Tensor) -> None:
        """Make the gradient of a lesson's rows that of the table.

        Parameters
        ----------
        lesson : Lesson
            As drawn.
        gradient : Tensor, shape (I, D)
            Gradient of `rows`.
        """
        if lesson.ids is None:
            self.table.grad = gradient
        elif self.by_rows:
            self.table.grad = row_gradient(self.table, lesson.ids, gradient)
        else:
            self.table.grad = torch.zeros_like(self.table).index_copy_(0, lesson.ids, gradient)


def make_tasks(suite: DomainSuite, target_table: nn.Parameter, config: Any) -> list[DomainTask]:
    """Make a task of every domain, the target first; tables start as ``item_init`` says, padding at 0.

    Parameters
    ----------
    suite : DomainSuite
        The domains.
    target_table : nn.Parameter, shape (n_items + 1, D)
        The target's item embeddings; a new table is made for each source, on the same device.
    config : recbole.config.Config
        Keys of ``properties/model/MetaRec.yaml``.

    Returns
    -------
    list of DomainTask
    """
    generator = torch.Generator().manual_seed(config["seed"])
    tasks = []
    for number, domain in enumerate(suite.domains):
        table = target_table
        if number > 0:
            start = torch.randn(domain.n_items + 1, config["hidden_size"], generator=generator)
            table = nn.Parameter((start * config["initializer_range"]).to(target_table.device))
        _start_table(table, domain, config)
        tasks.append(DomainTask(domain, table, config, config["seed"] + number).to(target_table.device))
    return tasks


def _start_table(table: nn.Parameter, domain: Domain, config: Any) -> None:
    with torch.no_grad():
        if config["item_init"] == "cooccurrence":
            scale, reach = config["initializer_range"], config["item_init_reach"]
            found = torch.from_numpy(spectral_vectors(domain, config["hidden_size"], reach, scale)).to(table)
            table.copy_(torch.where(found.any(1, keepdim=True), found, table))
        table[0] = 0
