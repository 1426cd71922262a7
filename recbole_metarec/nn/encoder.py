"""The part of a model that all domains share: quantizer and backbone."""

# Shapes: B windows, L positions, I rows of a table (row 0 is padding), N real positions, M negatives, H heads, D width.

from __future__ import annotations

from contextlib import nullcontext
from typing import Literal, NamedTuple

from torch import Tensor, nn

from recbole_metarec.nn.adapter import FeatureAdapter
from recbole_metarec.nn.backbones import Backbone
from recbole_metarec.nn.batches import Batch
from recbole_metarec.nn.draws import rows_of
from recbole_metarec.nn.item_features import ItemFeatures
from recbole_metarec.nn.loss import full_softmax, sampled_softmax
from recbole_metarec.nn.quantizers import Quantizer


class LossOutput(NamedTuple):
    """What a model finds of a batch.

    Attributes
    ----------
    loss : Tensor, scalar
        Mean next-item cross entropy of the real positions plus the quantizer's weighted loss. Of a part of a batch,
        its part of that: those of all parts add up to the whole batch's.
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
    backbone : Backbone
        Sequence encoder.
    quantizer : Quantizer, optional
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
        backbone: Backbone,
        quantizer: Quantizer | None,
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
            See `Quantizer.forward`.

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
    ) -> LossOutput:
        """Learn from a batch of windows.

        Parameters
        ----------
        rows_ID : Tensor, shape (I, D)
            Embeddings of the items that the batch speaks of, padding first.
        batch : Batch
            The windows.
        codes : LongTensor, shape (I - 1, H), optional
            See `Quantizer.forward`.
        twice_differentiable : bool
            See `Backbone`.
        features : ItemFeatures, optional
            Of the items of the rows.

        Returns
        -------
        LossOutput
        """
        rows_ID = self.with_features(rows_ID, features)
        items = self.item_vectors(rows_ID, codes)
        states_ND = read_windows(self.backbone, items.inputs, batch, twice_differentiable)
        loss = next_item_loss(states_ND, items.outputs, batch, twice_differentiable)
        of_items = items.loss if batch.part is None else items.loss / batch.part.processes
        return LossOutput(loss + of_items, items.codes, rows_ID)


def read_windows(
    backbone: Backbone,
    inputs_ID: Tensor,
    batch: Batch,
    twice_differentiable: bool = False,
) -> Tensor:
    """Encode a batch of windows.

    Parameters
    ----------
    backbone : Backbone
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
    with nullcontext() if batch.part is None else rows_of(batch.part.total, batch.part.rows):
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
        Mean over positions; of a part of a batch, that times the part's weight.
    """
    loss = _mean_loss(states_ND, outputs_ID, batch, twice_differentiable)
    return loss if batch.part is None else loss * batch.part.weight


def _mean_loss(states_ND: Tensor, outputs_ID: Tensor, batch: Batch, twice_differentiable: bool) -> Tensor:
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
