"""ANT as a RecBole model: item vectors from texts, images and prices, and a sequence encoder that other domains taught.

Paper: https://arxiv.org/abs/2309.10195.
"""

# Shapes: B sequences, L positions, I items (row 0 is padding), D width.

from __future__ import annotations

from typing import Any

import torch
from recbole.config import Config
from recbole.data.interaction import Interaction
from torch import Tensor, nn
from torch.nn.functional import normalize

from recbole_metarec.bridge.recommender import DomainRecommender
from recbole_metarec.inference.encoder import EncoderPart
from recbole_metarec.inference.item_encoder import ItemEncoder
from recbole_metarec.models.ant.core import build_core
from recbole_metarec.models.ant.settings import ANTSettings
from recbole_metarec.nn.loss import full_softmax

# Items whose vectors are computed at a time when the whole catalogue's are.
_BLOCK = 16384


class ANT(DomainRecommender):
    """Sequential recommender whose item vectors are made of features; scores are cosines over a temperature.

    In transductive mode an item's own embedding is added to its vector, and counts the more the more often the training
    part has the item: ``n / (n + shrinkage)`` after ``n`` interactions, as in empirical Bayes estimates (Efron and
    Morris, JASA 1973). Items that it lacks, and all items in inductive mode, are known by their features alone.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration, with the keys of ``properties/model/ANT.yaml``.
    dataset : DomainDataset
        Training part of the target domain.

    Attributes
    ----------
    core : Core
        What can be pre-trained.

    Raises
    ------
    UserError
        If no item of the target has a feature, or a feature file is malformed.
    """

    trust: Tensor
    settings: ANTSettings

    def __init__(self, config: Config, dataset: Any) -> None:
        super().__init__(config, dataset)
        settings = self.settings
        self.core = build_core(settings, self.forms)
        self.temperature = settings.temperature
        counts_I = torch.from_numpy(self.item_counts).float()
        trust_I = counts_I / (counts_I + settings.embedding_shrinkage).clamp(min=1)
        self.register_buffer("trust", trust_I, persistent=False)
        self.item_embedding: nn.Embedding | None = None
        if settings.transductive:
            self.item_embedding = nn.Embedding(self.n_items, settings.hidden_size, padding_idx=0)
            nn.init.normal_(self.item_embedding.weight, std=settings.initializer_range)

    def item_vectors(self, ids: Tensor | None = None) -> Tensor:
        """Compute the vectors of items, with gradients.

        Parameters
        ----------
        ids : LongTensor, shape (I,), optional
            Which items; all by default.

        Returns
        -------
        Tensor, shape (I, D)
            0 for padding.
        """
        features = self.features()
        assert features is not None
        vectors_ID: Tensor = self.core.adapter(features if ids is None else features.rows(ids)).vectors
        if self.item_embedding is None:
            return vectors_ID
        own_ID, trust_I = self.item_embedding.weight, self.trust
        if ids is not None:
            own_ID, trust_I = own_ID.index_select(0, ids), trust_I.index_select(0, ids)
        with_own_ID: Tensor = vectors_ID + own_ID * trust_I[:, None]
        return with_own_ID

    def outputs(self, vectors_ID: Tensor) -> Tensor:
        """Turn item vectors into what states are scored against: inner products are then cosines over temperature."""
        outputs_ID: Tensor = normalize(vectors_ID, dim=-1) / self.temperature
        return outputs_ID

    def tensors_of_catalogue(self) -> list[Tensor]:
        """See `DomainRecommender`."""
        own = [] if self.item_embedding is None else [self.item_embedding.weight]
        return [*self.core.adapter.parameters(), *own]

    def encode_catalogue(self) -> tuple[Tensor, Tensor]:
        """See `DomainRecommender`."""
        ids = torch.arange(self.n_items, device=self.trust.device)
        vectors_ID = torch.cat([self.item_vectors(part) for part in ids.split(_BLOCK)])
        return vectors_ID, self.outputs(vectors_ID)

    def states(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """See `DomainRecommender`."""
        normed_BD: Tensor = normalize(self.core.backbone.at(x_BLD, place_B), dim=-1)
        return normed_BD

    def encoder_parts(self) -> list[EncoderPart]:
        """See `DomainRecommender`."""
        return [EncoderPart(self.settings, self.core.backbone, normed=True)]

    def item_encoders(self) -> list[ItemEncoder]:
        """See `DomainRecommender`."""
        reader = self.feature_reader()
        assert reader is not None
        return [ItemEncoder(self.core.adapter, self.settings, reader, self.temperature)]

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """Loss of RecBole's prefix-and-target rows: the last position of each prefix is trained.

        The trainer of this package trains every position of a window instead.

        Parameters
        ----------
        interaction : Interaction
            RecBole's training rows.

        Returns
        -------
        Tensor, scalar
        """
        vectors_ID = self.item_vectors()
        states_BD = self.states(vectors_ID[interaction[self.ITEM_SEQ]], interaction[self.ITEM_SEQ_LEN] - 1)
        return full_softmax(states_BD, self.outputs(vectors_ID), interaction[self.POS_ITEM_ID])
