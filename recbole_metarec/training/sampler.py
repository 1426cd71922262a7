"""The batches of a domain: windows, and negatives for a sampled softmax."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.windows import WindowSampler
from recbole_metarec.nn.batches import Batch, Negatives, deal
from recbole_metarec.nn.loss import NegativeSampler
from recbole_metarec.settings.softmax import SoftmaxSettings
from recbole_metarec.training import world


class DomainBatch(NamedTuple):
    """What a step takes from a domain.

    Attributes
    ----------
    ids : LongTensor, shape (I,), or None
        The items that the batches speak of, padding first, in rising order: row ``r`` of a batch is item ``ids[r]``.
        ``None`` if rows are items.
    batches : tuple of Batch
        The step's windows in one or several parts, none of them empty; of each those that are this process's.
    """

    ids: Tensor | None
    batches: tuple[Batch, ...]


class BatchSampler:
    """Draws the batches of a domain.

    Parameters
    ----------
    domain : Domain
        Where the windows come from.
    softmax : SoftmaxSettings
    length : int
        Length of windows.
    batch_size : int
        Windows in a batch.
    seed : int
        Seed of batches and negatives.
    device : torch.device
        Where batches go.
    unseen : bool
        Whether items without an interaction are candidates of the softmax. Where an item is known by its features,
        they tell more of it than that nobody had it.

    Attributes
    ----------
    sampled : bool
        Whether the softmax is sampled, so that a batch speaks of some items only.
    """

    def __init__(
        self,
        domain: Domain,
        softmax: SoftmaxSettings,
        length: int,
        batch_size: int,
        seed: int,
        device: torch.device,
        unseen: bool = True,
    ) -> None:
        self.name, self.seed, self.device = domain.name, seed, device
        self.windows = WindowSampler(domain, length, batch_size, seed)
        self.n_negatives = softmax.n_negatives
        self.sampled = softmax.softmax == "sampled"
        if softmax.softmax == "auto":
            self.sampled = domain.n_items > softmax.full_softmax_max_items
        self.candidates: Tensor | None = None
        if self.sampled:
            counts = torch.from_numpy(domain.item_counts())
            self.negative_sampler = NegativeSampler(counts, softmax.negative_power, unseen)
            self.log_inclusion = self.negative_sampler.log_inclusion(self.n_negatives).to(device)
        elif not unseen:
            of_interest = torch.from_numpy(domain.item_counts() > 0)
            of_interest[0] = True  # padding
            self.candidates, self._row = of_interest.nonzero().squeeze(1).to(device), of_interest.cumsum(0) - 1

    def draw(self, epoch: int, step: int, parts: int = 1) -> DomainBatch:
        """Draw the windows and negatives of a step; (seed, epoch, step) fixes both.

        Parameters
        ----------
        epoch, step : int
            See `WindowSampler.batch`.
        parts : int
            Deal the windows out to so many batches, which share the negatives; fewer if there are fewer windows.

        Returns
        -------
        DomainBatch
        """
        inputs_BL, targets_BL = self.windows.batch(epoch, step)
        parts = min(parts, len(inputs_BL))
        ids, negatives = self.candidates, None
        if ids is not None:
            inputs_BL, targets_BL = self._row[inputs_BL], self._row[targets_BL]
        if self.sampled:
            seed = int(np.random.SeedSequence((self.seed, epoch, step)).generate_state(1)[0])
            drawn = self.negative_sampler.draw(self.n_negatives, torch.Generator().manual_seed(seed))
            every = torch.cat([drawn.new_zeros(1), inputs_BL.flatten(), targets_BL.flatten(), drawn])
            ids, rows = every.unique(return_inverse=True)
            inputs_BL, targets_BL = (x.view_as(inputs_BL) for x in rows[1 : -len(drawn)].chunk(2))
            ids, drawn = ids.to(self.device), rows[-len(drawn) :].to(self.device)
            negatives = Negatives(drawn, self.log_inclusion[ids])
        of = world.number(), world.size()
        batches = (deal(inputs_BL[i::parts], targets_BL[i::parts], *of) for i in range(parts))
        return DomainBatch(ids, tuple(batch.to(self.device, negatives) for batch in batches))
