"""MetaRec as a RecBole model: a shared encoder and the target's table of item embeddings.

Paper: https://arxiv.org/abs/2411.01785.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import Tensor, nn

from recbole_metarec.data.domain import Domain
from recbole_metarec.data.transitions import share_of_repeats, transitions
from recbole_metarec.model.backbone import build_backbone
from recbole_metarec.model.encoder import Batch, SharedEncoder
from recbole_metarec.model.memory import TransitionMemory
from recbole_metarec.model.quantizer import MultiHeadQuantizer, Usage, codebook_usage

# Items that are quantized at a time when the whole catalogue is.
_BLOCK = 65536
# Items do not come twice where no larger share of a domain's interactions are repeats.
REPEAT_SHARE = 0.001


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


def build_memory(config: Any, domain: Domain) -> TransitionMemory | None:
    """Build the memory that a configuration describes.

    Parameters
    ----------
    config : mapping
        Keys of ``properties/model/MetaRec.yaml``.
    domain : Domain
        Training part of the target domain.

    Returns
    -------
    TransitionMemory, or None
        ``None`` where its weight is to be 0.
    """
    if config["memory_weight"] == 0:
        return None
    known, background, popularity = transitions(
        domain, config["memory_reach"], config["memory_backward"], config["memory_smoothing"]
    )
    return TransitionMemory(
        torch.from_numpy(known.indptr.astype(np.int64)),
        torch.from_numpy(known.indices.astype(np.int64)),
        torch.from_numpy(known.data),
        torch.from_numpy(background),
        torch.from_numpy(popularity),
        decay=config["memory_decay"],
        depth=config["memory_depth"],
    )


class MetaRec(SequentialRecommender):  # type: ignore[misc]
    """Sequential recommender whose encoder is shared with other domains.

    Scores are inner products of the sequence state and the items' vectors in the shared space, plus what the target's
    own sequences say without learning (see `prior`).

    Parameters
    ----------
    config : recbole.config.Config
        Configuration, with the keys of ``properties/model/MetaRec.yaml``.
    dataset : DomainDataset
        Training part of the target domain.

    Attributes
    ----------
    memory : TransitionMemory, or None
        What the training part of the target says without learning.
    memory_weight : float
        Weight of the memory's log probabilities in the scores: 0 until training has ended.
    repeats : bool
        Whether items of a sequence may be recommended again.
    """

    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.encoder = build_encoder(config)
        self.item_embedding = nn.Embedding(self.n_items, config["hidden_size"], padding_idx=0)
        nn.init.normal_(self.item_embedding.weight, std=config["initializer_range"])
        with torch.no_grad():
            self.item_embedding.weight[0] = 0
        domain = dataset.domain()
        self.memory = build_memory(config, domain)
        self.memory_weight = 0.0
        self.other_parameter_name = ["memory_weight"]  # RecBole keeps these in checkpoints
        repeats = config["repeat_items"]
        self.repeats: bool = share_of_repeats(domain) > REPEAT_SHARE if repeats == "auto" else repeats
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

    def prior(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor | None:
        """Say what the memory adds to the scores of sequences.

        Parameters
        ----------
        item_seq, item_seq_len
            See `forward`.

        Returns
        -------
        Tensor, shape (B, n_items), or None
            ``None`` without a memory.
        """
        if self.memory is None or self.memory_weight == 0:
            return None
        log_probability_BI: Tensor = self.memory(item_seq, item_seq_len)
        return log_probability_BI.mul_(self.memory_weight)

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
        item_seq, item_seq_len = interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN]
        item_B1 = interaction[self.ITEM_ID][:, None]
        scores_B = (self.forward(item_seq, item_seq_len) * self.catalogue()[1][item_B1[:, 0]]).sum(-1)
        added_BI = self.prior(item_seq, item_seq_len)
        if added_BI is not None:
            scores_B = scores_B + added_BI.gather(1, item_B1).squeeze(1)
        return scores_B if self.repeats else scores_B.masked_fill((item_seq == item_B1).any(1), -torch.inf)

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """Score all items for each row, shape (B, n_items); column 0 is padding."""
        item_seq, item_seq_len = interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN]
        scores_BI = self.forward(item_seq, item_seq_len) @ self.catalogue()[1].T
        added_BI = self.prior(item_seq, item_seq_len)
        if added_BI is not None:
            scores_BI = scores_BI + added_BI
        return scores_BI if self.repeats else scores_BI.scatter(1, item_seq, -torch.inf)

    def codebook_usage(self) -> Usage | None:
        """Measure how the target's items use the codebooks; ``None`` without a quantizer."""
        quantizer = self.encoder.quantizer
        if quantizer is None:
            return None
        with torch.no_grad():
            blocks = self.item_embedding.weight[1:].split(_BLOCK)
            codes_NH = torch.cat([quantizer(rows_ID).codes for rows_ID in blocks])
        return codebook_usage(codes_NH, quantizer.codes)
