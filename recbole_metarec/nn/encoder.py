"""The part of a model that all domains share: quantizer and backbone."""

# Shapes: B windows, L positions, I rows of a table (row 0 is padding), N real positions, M negatives, H heads, D width.

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from recbole_metarec.nn.adapter import FeatureAdapter, ItemFeatures
from recbole_metarec.nn.backbone import GRUBackbone, LRUBackbone, TransformerBackbone
from recbole_metarec.nn.loss import full_softmax, sampled_softmax
from recbole_metarec.nn.quantizer import MultiHeadQuantizer


class Negatives(NamedTuple):
    """Shared negatives of a batch.

    Attributes
    ----------
    rows : LongTensor, shape (M,)
        Rows of distinct items.
    log_inclusion : Tensor, shape (I,)
        Log of the probability that the item of a row is among them; that of padding is not used.
    """

    rows: Tensor
    log_inclusion: Tensor


class Batch(NamedTuple):
    """Windows whose items are rows of a table: of a domain's, or of one with the items of the batch alone.

    Attributes
    ----------
    inputs_BL : LongTensor, shape (B, L)
        Rows of the items to read, right-padded with 0.
    places_N : LongTensor, shape (N,)
        Where in the flattened inputs the real positions stand.
    targets_N : LongTensor, shape (N,)
        Row of the item that follows each of them.
    negatives : Negatives, optional
        For sampled softmax; without it, the softmax runs over the whole table.
    """

    inputs_BL: Tensor
    places_N: Tensor
    targets_N: Tensor
    negatives: Negatives | None = None

    def to(self, device: torch.device, negatives: Negatives | None = None) -> Batch:
        """Copy the windows to a device and give them negatives that are there."""
        inputs_BL, places_N, targets_N, _ = self
        return Batch(inputs_BL.to(device), places_N.to(device), targets_N.to(device), negatives)


def make_batch(inputs_BL: Tensor, targets_BL: Tensor, negatives: Negatives | None = None) -> Batch:
    """Make a batch of padded inputs and targets.

    Parameters
    ----------
    inputs_BL, targets_BL : LongTensor, shape (B, L)
        Rows; positions whose target is 0 do not count.
    negatives : Negatives, optional
        See `Batch`.

    Returns
    -------
    Batch
    """
    flat = targets_BL.flatten()
    places_N = flat.nonzero().squeeze(1)
    return Batch(inputs_BL, places_N, flat[places_N], negatives)


class Learnt(NamedTuple):
    """What a batch teaches.

    Attributes
    ----------
    loss : Tensor, scalar
        Mean next-item cross entropy of the real positions plus the quantizer's weighted loss.
    codes : LongTensor, shape (I - 1, H), or None
        Codes of the table's items; ``None`` without a quantizer.
    items : Tensor, shape (I, D)
        Embeddings of the table's items, with what features add.
    """

    loss: Tensor
    codes: Tensor | None
    items: Tensor


class ItemVectors(NamedTuple):
    """Items in the shared space.

    Attributes
    ----------
    inputs, outputs : Tensor, shape (I, D)
        Vectors to read sequences with, and to score states against; those of padding are 0.
    loss : Tensor, scalar
        The quantizer's weighted loss.
    codes : LongTensor, shape (I - 1, H), or None
        ``None`` without a quantizer.
    """

    inputs: Tensor
    outputs: Tensor
    loss: Tensor
    codes: Tensor | None


class SharedEncoder(nn.Module):
    """Everything that is shared between domains (theta); a domain adds only its table of item embeddings.

    Inputs are always quantized vectors; see `score_with` for the vectors that states are scored against.

    Parameters
    ----------
    backbone : TransformerBackbone or GRUBackbone or LRUBackbone
        Sequence encoder.
    quantizer : MultiHeadQuantizer, optional
        ``None`` passes item embeddings on as they are.
    quantizer_weight : float
        Weight lambda of the quantizer's loss.
    score_with : {"quantized", "embedding"}
        Score states against quantized vectors or against the domain's own embeddings.
    adapter : FeatureAdapter, optional
        Adds to embeddings what it makes of items' features.
    """

    def __init__(
        self,
        backbone: TransformerBackbone | GRUBackbone | LRUBackbone,
        quantizer: MultiHeadQuantizer | None,
        quantizer_weight: float = 1.0,
        score_with: Literal["quantized", "embedding"] = "quantized",
        adapter: FeatureAdapter | None = None,
    ) -> None:
        super().__init__()
        self.adapter = adapter
        self.backbone = backbone
        self.quantizer = quantizer
        self.quantizer_weight = quantizer_weight
        self.score_with = score_with

    def with_features(self, rows_ID: Tensor, features: ItemFeatures | None) -> Tensor:
        """Add what items' features say to their embeddings, shape (I, D)."""
        if self.adapter is None or features is None:
            return rows_ID
        vectors_ID: Tensor = rows_ID + self.adapter(features).vectors
        return vectors_ID

    def item_vectors(self, rows_ID: Tensor, codes: Tensor | None = None) -> ItemVectors:
        """Map rows of a domain's table into the shared space.

        Parameters
        ----------
        rows_ID : Tensor, shape (I, D)
            Row 0 is padding: it takes no part in the quantizer's loss.
        codes : LongTensor, shape (I - 1, H), optional
            See `MultiHeadQuantizer.forward`.

        Returns
        -------
        ItemVectors
        """
        if self.quantizer is None:
            return ItemVectors(rows_ID, rows_ID, rows_ID.new_zeros(()), None)
        quantized = self.quantizer(rows_ID[1:], codes)
        inputs_ID = nn.functional.pad(quantized.vectors, (0, 0, 1, 0))
        outputs_ID = inputs_ID if self.score_with == "quantized" else rows_ID
        return ItemVectors(inputs_ID, outputs_ID, self.quantizer_weight * quantized.loss, quantized.codes)

    def forward(
        self,
        rows_ID: Tensor,
        batch: Batch,
        codes: Tensor | None = None,
        twice_differentiable: bool = False,
        features: ItemFeatures | None = None,
    ) -> Learnt:
        """Learn from a batch of windows.

        Parameters
        ----------
        rows_ID : Tensor, shape (I, D)
            Embeddings of the items that the batch speaks of, padding first.
        batch : Batch
            The windows.
        codes : LongTensor, shape (I - 1, H), optional
            See `MultiHeadQuantizer.forward`.
        twice_differentiable : bool
            See `Backbone`.
        features : ItemFeatures, optional
            Of the items of the rows.

        Returns
        -------
        Learnt
        """
        rows_ID = self.with_features(rows_ID, features)
        items = self.item_vectors(rows_ID, codes)
        states_ND = read_windows(self.backbone, items.inputs, batch, twice_differentiable)
        loss = next_item_loss(states_ND, items.outputs, batch, twice_differentiable)
        return Learnt(loss + items.loss, items.codes, rows_ID)


def read_windows(
    backbone: TransformerBackbone | GRUBackbone | LRUBackbone,
    inputs_ID: Tensor,
    batch: Batch,
    twice_differentiable: bool = False,
) -> Tensor:
    """Encode a batch of windows.

    Parameters
    ----------
    backbone : TransformerBackbone or GRUBackbone or LRUBackbone
        Sequence encoder.
    inputs_ID : Tensor, shape (I, D)
        Vectors to read with.
    batch : Batch
        The windows.
    twice_differentiable : bool
        See `Backbone`.

    Returns
    -------
    Tensor, shape (N, D)
        States of the real positions.
    """
    # Rows are read by `index_select`: the gradient of an index is summed in no fixed order by several threads.
    x_BLD = inputs_ID.index_select(0, batch.inputs_BL.flatten()).view(*batch.inputs_BL.shape, -1)
    length_B = (batch.inputs_BL > 0).sum(1)
    states_BLD = backbone(x_BLD, length_B, twice_differentiable=twice_differentiable)
    states_ND: Tensor = states_BLD.flatten(0, 1).index_select(0, batch.places_N)
    return states_ND


def next_item_loss(states_ND: Tensor, outputs_ID: Tensor, batch: Batch, twice_differentiable: bool = False) -> Tensor:
    """Cross entropy of the next items, over the whole table or over the batch's negatives.

    Parameters
    ----------
    states_ND : Tensor, shape (N, D)
        States of the real positions.
    outputs_ID : Tensor, shape (I, D)
        Vectors to score against.
    batch : Batch
        The windows.
    twice_differentiable : bool
        See `full_softmax`.

    Returns
    -------
    Tensor, scalar
    """
    if batch.negatives is None:
        return full_softmax(states_ND, outputs_ID, batch.targets_N, twice_differentiable)
    rows_M, log_inclusion = batch.negatives
    return sampled_softmax(
        states_ND,
        outputs_ID.index_select(0, batch.targets_N),
        outputs_ID.index_select(0, rows_M),
        batch.targets_N,
        rows_M,
        log_inclusion[batch.targets_N],
        log_inclusion[rows_M],
        twice_differentiable,
    )
