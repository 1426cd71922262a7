"""MetaRec as a RecBole model: a shared encoder and the target's table of item embeddings.

Paper: https://arxiv.org/abs/2411.01785.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from recbole.config import Config
from recbole.data.interaction import Interaction
from torch import Tensor, nn

from recbole_metarec.bridge.recommender import DomainRecommender
from recbole_metarec.features.features import Form
from recbole_metarec.inference.encoder import EncoderPart
from recbole_metarec.inference.item_encoder import ItemEncoder
from recbole_metarec.models.metarec.settings import MetaRecSettings
from recbole_metarec.nn.adapter import build_adapter
from recbole_metarec.nn.backbones import build_backbone
from recbole_metarec.nn.batches import Batch
from recbole_metarec.nn.encoder import SharedEncoder
from recbole_metarec.nn.item_features import ItemFeatures
from recbole_metarec.nn.quantizers import build_quantizer
from recbole_metarec.nn.quantizers.usage import Usage, codebook_usage

# Items that are quantized at a time when the whole catalogue is.
_BLOCK = 65536


def build_encoder(settings: MetaRecSettings, forms: Mapping[str, Form] | None = None) -> SharedEncoder:
    """Build the shared encoder that settings describe.

    Parameters
    ----------
    settings : MetaRecSettings
    forms : mapping of str to Categories or Vectors, optional
        What the items' features of each modality are; without it, there are none.

    Returns
    -------
    SharedEncoder
    """
    quantizer = build_quantizer(settings, settings.hidden_size)
    backbone = build_backbone(settings)
    adapter = build_adapter(settings, settings.hidden_size, forms) if forms else None
    return SharedEncoder(backbone, quantizer, settings.quantizer_weight, settings.score_with, adapter)


class MetaRec(DomainRecommender):
    """Sequential recommender whose encoder is shared with other domains.

    Scores are inner products of the sequence state and the items' vectors in the shared space, plus what the target's
    own sequences say without learning (see `Evidence`).

    Parameters
    ----------
    config : recbole.config.Config
        Configuration, with the keys of ``properties/model/MetaRec.yaml``.
    dataset : DomainDataset
        Training part of the target domain.
    """

    settings: MetaRecSettings

    def __init__(self, config: Config, dataset: Any) -> None:
        super().__init__(config, dataset)
        settings = self.settings
        self.encoder = build_encoder(settings, self.forms)
        self.item_embedding = nn.Embedding(self.n_items, settings.hidden_size, padding_idx=0)
        nn.init.normal_(self.item_embedding.weight, std=settings.initializer_range)
        with torch.no_grad():
            self.item_embedding.weight[0] = 0

    def tensors_of_catalogue(self) -> list[Tensor]:
        """See `DomainRecommender`."""
        parts = (self.encoder.quantizer, self.encoder.adapter)
        return [self.item_embedding.weight, *(t for part in parts if part for t in part.state_dict().values())]

    def encode_catalogue(self) -> tuple[Tensor, Tensor]:
        """See `DomainRecommender`."""
        return self.in_space(self.item_embedding.weight, self.features())

    @torch.no_grad()
    def in_space(self, table_ID: Tensor, features: ItemFeatures | None) -> tuple[Tensor, Tensor]:
        """Map a domain's items into the shared space, to read and to score, shape (I, D) each."""
        rows_ID = self.encoder.with_features(table_ID, features).detach()
        if self.encoder.quantizer is None:
            return rows_ID, rows_ID
        inputs_ID = torch.zeros_like(rows_ID)
        for block_ID, into_ID in zip(rows_ID[1:].split(_BLOCK), inputs_ID[1:].split(_BLOCK), strict=True):
            into_ID.copy_(self.encoder.quantizer(block_ID).vectors)
        return inputs_ID, inputs_ID if self.encoder.score_with == "quantized" else rows_ID

    def states(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """See `DomainRecommender`."""
        return self.encoder.backbone.at(x_BLD, place_B)

    def encoder_parts(self) -> list[EncoderPart]:
        """See `DomainRecommender`."""
        return [EncoderPart(self.settings, self.encoder.backbone)]

    def item_encoders(self) -> list[ItemEncoder]:
        """See `DomainRecommender`."""
        reader, adapter, quantizer = self.feature_reader(), self.encoder.adapter, self.encoder.quantizer
        if reader is None or adapter is None:
            return []
        quantized = None if quantizer is None else (quantizer, self.settings)
        return [ItemEncoder(adapter, self.settings, reader, quantizer=quantized)]

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
        inputs_BL = interaction[self.ITEM_SEQ]
        last_B = interaction[self.ITEM_SEQ_LEN] - 1
        places_B = last_B + inputs_BL.shape[1] * torch.arange(len(last_B), device=last_B.device)
        loss: Tensor = self.encoder(
            self.item_embedding.weight,
            Batch(inputs_BL, places_B, interaction[self.POS_ITEM_ID]),
            features=self.features(),
        ).loss
        return loss

    def codebook_usage(self) -> Usage | None:
        """Measure how the target's items use the codebooks; ``None`` without a quantizer."""
        quantizer, codes_NH = self.encoder.quantizer, self.item_codes()
        return None if quantizer is None or codes_NH is None else codebook_usage(codes_NH, quantizer.codes)

    @torch.no_grad()
    def item_codes(self) -> Tensor | None:
        """See `DomainRecommender`."""
        quantizer = self.encoder.quantizer
        if quantizer is None:
            return None
        blocks = self.encoder.with_features(self.item_embedding.weight, self.features())[1:].split(_BLOCK)
        return torch.cat([quantizer(rows_ID).codes for rows_ID in blocks])
