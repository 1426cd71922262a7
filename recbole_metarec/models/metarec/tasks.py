"""The domains of a suite as tasks to learn from: their lessons and their item tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recbole_metarec.domains.domain import Domain, DomainSuite
from recbole_metarec.evidence.spectrum import spectral_vectors
from recbole_metarec.nn.adapter import ItemFeatures
from recbole_metarec.training.lessons import Lesson, Lessons
from recbole_metarec.training.optimizer import is_lazy, row_gradient


class DomainTask(Lessons):
    """A domain to learn from: its lessons and its item table.

    Parameters
    ----------
    domain, config, seed
        See `Lessons`.
    table : nn.Parameter, shape (n_items + 1, D)
        Item embeddings.
    features : ItemFeatures, optional
        Of all items, padding first.
    """

    def __init__(
        self, domain: Domain, table: nn.Parameter, config: Any, seed: int, features: ItemFeatures | None = None
    ) -> None:
        super().__init__(domain, config, seed, table.device)
        self.table = table
        self.features = None if features is None else features.to(table.device)
        self.by_rows = self.sampled and is_lazy(config["learner"])

    def rows(self, lesson: Lesson) -> Tensor:
        """Return the embeddings that a lesson's batches speak of, requiring gradients, shape (I, D)."""
        if lesson.ids is None:
            return self.table
        return self.table.detach().index_select(0, lesson.ids).requires_grad_()

    def features_of(self, lesson: Lesson) -> ItemFeatures | None:
        """Return the features of the items that a lesson's batches speak of, if the domain has any."""
        return self.features if self.features is None or lesson.ids is None else self.features.rows(lesson.ids)

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


def make_tasks(
    suite: DomainSuite,
    target_table: nn.Parameter,
    config: Any,
    features: Sequence[ItemFeatures | None] | None = None,
) -> list[DomainTask]:
    """Make a task of every domain, the target first; tables start as ``item_init`` says, padding at 0.

    Parameters
    ----------
    suite : DomainSuite
        The domains.
    target_table : nn.Parameter, shape (n_items + 1, D)
        The target's item embeddings; a new table is made for each source, on the same device.
    config : recbole.config.Config
        Keys of ``properties/model/MetaRec.yaml``.
    features : sequence of ItemFeatures or None, optional
        Of each domain's items, the target first.

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
        own = features[number] if features else None
        tasks.append(DomainTask(domain, table, config, config["seed"] + number, own))
    return tasks


def _start_table(table: nn.Parameter, domain: Domain, config: Any) -> None:
    with torch.no_grad():
        if config["item_init"] == "cooccurrence":
            scale, reach = config["initializer_range"], config["item_init_reach"]
            found = torch.from_numpy(spectral_vectors(domain, config["hidden_size"], reach, scale)).to(table)
            table.copy_(torch.where(found.any(1, keepdim=True), found, table))
        table[0] = 0
