"""The domains of a suite as tasks to learn from: their batches and their item tables."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recbole_metarec.domains.domain import Domain, DomainSuite
from recbole_metarec.evidence.spectrum import spectral_vectors
from recbole_metarec.models.metarec.settings import MetaRecSettings
from recbole_metarec.nn.item_features import ItemFeatures
from recbole_metarec.training.optimizer import is_lazy, row_gradient
from recbole_metarec.training.sampler import BatchSampler, DomainBatch


class DomainTask(BatchSampler):
    """A domain to learn from: its batches and its item table.

    Parameters
    ----------
    domain : Domain
    table : nn.Parameter, shape (n_items + 1, D)
        Item embeddings.
    settings : MetaRecSettings
    seed : int
        Of its batches.
    features : ItemFeatures, optional
        Of all items, padding first.
    """

    def __init__(
        self,
        domain: Domain,
        table: nn.Parameter,
        settings: MetaRecSettings,
        seed: int,
        features: ItemFeatures | None = None,
    ) -> None:
        length, batch_size = settings.MAX_ITEM_LIST_LENGTH, settings.train_batch_size
        super().__init__(domain, settings, length, batch_size, seed, table.device)
        self.table = table
        self.features = None if features is None else features.to(table.device)
        self.by_rows = self.sampled and is_lazy(settings.learner)

    def rows(self, batch: DomainBatch) -> Tensor:
        """Return the embeddings that a batch speaks of, requiring gradients, shape (I, D)."""
        if batch.ids is None:
            return self.table
        return self.table.detach().index_select(0, batch.ids).requires_grad_()

    def features_of(self, batch: DomainBatch) -> ItemFeatures | None:
        """Return the features of the items that a batch speaks of, if the domain has any."""
        return self.features if self.features is None or batch.ids is None else self.features.rows(batch.ids)

    def set_gradient(self, batch: DomainBatch, gradient: Tensor) -> None:
        """Make the gradient of a batch's rows that of the table.

        Parameters
        ----------
        batch : DomainBatch
            As drawn.
        gradient : Tensor, shape (I, D)
            Gradient of `rows`.
        """
        if batch.ids is None:
            self.table.grad = gradient
        elif self.by_rows:
            self.table.grad = row_gradient(self.table, batch.ids, gradient)
        else:
            self.table.grad = torch.zeros_like(self.table).index_copy_(0, batch.ids, gradient)


def make_tasks(
    suite: DomainSuite,
    target_table: nn.Parameter,
    settings: MetaRecSettings,
    features: Sequence[ItemFeatures | None] | None = None,
) -> list[DomainTask]:
    """Make a task of every domain, the target first; tables start as ``item_init`` says, padding at 0.

    Parameters
    ----------
    suite : DomainSuite
        The domains.
    target_table : nn.Parameter, shape (n_items + 1, D)
        The target's item embeddings; a new table is made for each source, on the same device.
    settings : MetaRecSettings
    features : sequence of ItemFeatures or None, optional
        Of each domain's items, the target first.

    Returns
    -------
    list of DomainTask
    """
    generator = torch.Generator().manual_seed(settings.seed)
    tasks = []
    for number, domain in enumerate(suite.domains):
        table = target_table
        if number > 0:
            start = torch.randn(domain.n_items + 1, settings.hidden_size, generator=generator)
            table = nn.Parameter((start * settings.initializer_range).to(target_table.device))
        _start_table(table, domain, settings)
        own = features[number] if features else None
        tasks.append(DomainTask(domain, table, settings, settings.seed + number, own))
    return tasks


def _start_table(table: nn.Parameter, domain: Domain, settings: MetaRecSettings) -> None:
    with torch.no_grad():
        if settings.item_init == "cooccurrence":
            scale, reach = settings.initializer_range, settings.item_init_reach
            found = torch.from_numpy(spectral_vectors(domain, settings.hidden_size, reach, scale)).to(table)
            table.copy_(torch.where(found.any(1, keepdim=True), found, table))
        table[0] = 0
