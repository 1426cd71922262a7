"""MetaRec as a RecBole model: a shared encoder and the target's table of item embeddings.

Paper: https://arxiv.org/abs/2411.01785.
"""

from __future__ import annotations

from typing import Any

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import Tensor, nn

from recbole_metarec.model.backbone import build_backbone
from recbole_metarec.model.encoder import Batch, SharedEncoder
from recbole_metarec.model.quantizer import MultiHeadQuantizer, Usage, codebook_usage

# Items that are quantized at a time when the whole catalogue is.
_BLOCK = 65536


def build_encoder(config: Any) -> SharedEncoder:
    """Build the shared encoder that a configuration describes.

    Parameters
    ----------
    config : mapping
        Keys of ``properties/model/MetaRec.yaml``, and ``MAX_ITEM_LIST_LENGTH``.

    Returns
    -------
    SharedEncoder
    """
    quantizer = None
    if config["quantizer"]:
        quantizer = MultiHeadQuantizer(
            width=config["hidden_size"],
            heads=config["quantizer_heads"],
            codes=config["codebook_size"],
            code_width=config["code_size"],
            commitment=config["commitment_weight"],
            moving_average=config["codebook_decay"] if config["codebook_update"] == "moving_average" else None,
            residual=config["quantizer_residual"],
        )
    backbone = build_backbone(
        config["backbone"],
        width=config["hidden_size"],
        layers=config["n_layers"],
        heads=config["n_heads"],
        inner_width=config["inner_size"],
        dropout=config["hidden_dropout_prob"],
        attention_dropout=config["attn_dropout_prob"],
        max_length=config["MAX_ITEM_LIST_LENGTH"],
        from_end=config["positions"] == "end",
    )
    return SharedEncoder(backbone, quantizer, config["quantizer_weight"], config["score_with"])


class MetaRec(SequentialRecommender):  # type: ignore[misc]
    """Sequential recommender whose encoder is shared with other domains.

    Scores are inner products of the sequence state and the items' vectors in the shared space.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration, with the keys of ``properties/model/MetaRec.yaml``.
    dataset : recbole.data.dataset.SequentialDataset
        The target domain.
    """

    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.encoder = build_encoder(config)
        self.item_embedding = nn.Embedding(self.n_items, config["hidden_size"], padding_idx=0)
        nn.init.normal_(self.item_embedding.weight, std=config["initializer_range"])
        with torch.no_grad():
            self.item_embedding.weight[0] = 0
        self._catalogue: tuple[tuple[Any, ...], tuple[Tensor, Tensor]] | None = None

    def catalogue(self) -> tuple[Tensor, Tensor]:
        """Return the vectors of all items, to read sequences with and to score against; kept until a weight changes.

        Returns
        -------
        inputs_ID, outputs_ID : Tensor, shape (n_items, D)
            Without gradients.
        """
        tensors = [self.item_embedding.weight]
        if self.encoder.quantizer is not None:
            tensors += [*self.encoder.quantizer.parameters(), *self.encoder.quantizer.buffers()]
        version = tuple((tensor.data_ptr(), tensor._version) for tensor in tensors)
        if self._catalogue is None or self._catalogue[0] != version:
            self._catalogue = (version, self._encode_catalogue())
        return self._catalogue[1]

    @torch.no_grad()
    def _encode_catalogue(self) -> tuple[Tensor, Tensor]:
        if self.encoder.quantizer is None:
            return self.item_embedding.weight.detach(), self.item_embedding.weight.detach()
        inputs_ID = torch.zeros_like(self.item_embedding.weight)
        for rows_ID, block_ID in zip(
            self.item_embedding.weight[1:].split(_BLOCK), inputs_ID[1:].split(_BLOCK), strict=True
        ):
            block_ID.copy_(self.encoder.quantizer(rows_ID).vectors)
        return inputs_ID, inputs_ID if self.encoder.score_with == "quantized" else self.item_embedding.weight.detach()

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Encode sequences for scoring.

        Parameters
        ----------
        item_seq : LongTensor, shape (B, L)
            Item ids, right-padded with 0.
        item_seq_len : LongTensor, shape (B,)
            Number of items in each sequence, at least 1.

        Returns
        -------
        Tensor, shape (B, D)
            State behind the last item.
        """
        longest = int(item_seq_len.max())
        x_BLD = self.catalogue()[0][item_seq[:, :longest]]
        return self.encoder.backbone.at(x_BLD, item_seq_len - 1)

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
            self.item_embedding.weight, Batch(inputs_BL, places_B, interaction[self.POS_ITEM_ID])
        ).loss
        return loss

    def predict(self, interaction: Interaction) -> Tensor:
        """Score one item for each row, shape (B,)."""
        states_BD = self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN])
        return (states_BD * self.catalogue()[1][interaction[self.ITEM_ID]]).sum(-1)

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """Score all items for each row, shape (B, n_items); column 0 is padding."""
        states_BD = self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN])
        return states_BD @ self.catalogue()[1].T

    def codebook_usage(self) -> Usage | None:
        """Measure how the target's items use the codebooks; ``None`` without a quantizer."""
        quantizer = self.encoder.quantizer
        if quantizer is None:
            return None
        with torch.no_grad():
            blocks = self.item_embedding.weight[1:].split(_BLOCK)
            codes_NH = torch.cat([quantizer(rows_ID).codes for rows_ID in blocks])
        return codebook_usage(codes_NH, quantizer.codes)
