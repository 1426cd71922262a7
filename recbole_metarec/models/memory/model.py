"""The memory of the target's own transitions alone, as a RecBole model."""

# Shapes: B sequences, L positions, D width, I items (row 0 is padding).

from __future__ import annotations

from typing import Any, cast

import torch
from recbole.config import Config
from recbole.data.interaction import Interaction
from torch import Tensor

from recbole_metarec.bridge.recommender import DomainRecommender
from recbole_metarec.inference.encoder import EncoderPart


class Memory(DomainRecommender):
    """What the target's own sequences say without learning, as a model: see `TransitionMemory`.

    The baseline beside which it shows whether training brings anything.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration, with the ``memory_*`` keys of ``properties/overall.yaml``; ``memory_weight`` has no part in it.
    dataset : DomainDataset
        Training part of the target domain.
    """

    is_evidence_alone = True
    evidence_knows_clock = False

    def __init__(self, config: Config, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.register_buffer("no_vectors", torch.zeros(self.n_items, 0), persistent=False)

    def tensors_of_catalogue(self) -> list[Tensor]:
        """See `DomainRecommender`."""
        return []

    def encode_catalogue(self) -> tuple[Tensor, Tensor]:
        """See `DomainRecommender`; the vectors have no entries, so that all scores are 0 before the memory's."""
        vectors_ID = cast(Tensor, self.no_vectors)
        return vectors_ID, vectors_ID

    def states(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """See `DomainRecommender`."""
        return x_BLD.new_zeros(len(x_BLD), 0)

    def encoder_parts(self) -> list[EncoderPart]:
        """See `DomainRecommender`; there are none."""
        return []

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """Return 0: there is nothing to learn."""
        return torch.zeros((), requires_grad=True)
