"""The part of a model that all domains share: quantizer and backbone."""

# Shapes: B windows, L positions, I rows of a table (row 0 is padding), N real positions, D width.

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from recbole_metarec.model.backbone import GRUBackbone, LRUBackbone, TransformerBackbone
from recbole_metarec.model.loss import full_softmax, sampled_softmax
from recbole_metarec.model.quantizer import MultiHeadQuantizer


class Negatives(NamedTuple):
    """Shared negatives of a batch.

    Attributes
    ----------
    ids : LongTensor, shape (M,)
        Distinct item ids.
    log_inclusion : Tensor, shape (I,)
        Log of the probability that an item is among them, row 0 unused.
    """

    ids: Tensor
    log_inclusion: Tensor


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
    """

    def __init__(
        self,
        backbone: TransformerBackbone | GRUBackbone | LRUBackbone,
        quantizer: MultiHeadQuantizer | None,
        quantizer_weight: float = 1.0,
        score_with: Literal["quantized", "embedding"] = "quantized",
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.quantizer = quantizer
        self.quantizer_weight = quantizer_weight
        self.score_with = score_with

    def item_vectors(self, rows_ID: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map rows of a domain's table into the shared space.

        Parameters
        ----------
        rows_ID : Tensor, shape (I, D)
            Row 0 is padding: it takes no part in the quantizer's loss.

        Returns
        -------
        inputs_ID, outputs_ID : Tensor, shape (I, D)
            Vectors to read sequences with, and to score states against; those of padding are 0.
        loss : Tensor, scalar
            The quantizer's weighted loss.
        """
        if self.quantizer is None:
            return rows_ID, rows_ID, rows_ID.new_zeros(())
        quantized = self.quantizer(rows_ID[1:])
        inputs_ID = nn.functional.pad(quantized.vectors, (0, 0, 1, 0))
        outputs_ID = inputs_ID if self.score_with == "quantized" else rows_ID
        return inputs_ID, outputs_ID, self.quantizer_weight * quantized.loss

    def forward(
        self,
        table_ID: Tensor,
        inputs_BL: Tensor,
        targets_BL: Tensor,
        negatives: Negatives | None = None,
        twice_differentiable: bool = False,
    ) -> Tensor:
        """Loss of a batch of windows: next-item cross entropy plus the quantizer's loss.

        Parameters
        ----------
        table_ID : Tensor, shape (I, D)
            The domain's item embeddings.
        inputs_BL : LongTensor, shape (B, L)
            Item ids, right-padded with 0.
        targets_BL : LongTensor, shape (B, L)
            Next item of each position; positions with 0 do not count.
        negatives : Negatives, optional
            For sampled softmax; without it, the softmax runs over the whole catalogue.
        twice_differentiable : bool
            See `Backbone`.

        Returns
        -------
        Tensor, scalar
            Mean over real positions.
        """
        # Rows are read by `embedding`: the gradient of an index is summed in no fixed order by several threads.
        real_BL = targets_BL > 0
        targets_N = targets_BL[real_BL]
        if negatives is None:
            inputs_ID, outputs_ID, loss = self.item_vectors(table_ID)
            states_ND = self.backbone(embedding(inputs_BL, inputs_ID), twice_differentiable=twice_differentiable)[
                real_BL
            ]
            return loss + full_softmax(states_ND, outputs_ID, targets_N)
        # Only the items of the batch pass the quantizer; padding comes first among them, as in a table.
        parts = [inputs_BL.new_zeros(1), inputs_BL.flatten(), targets_N, negatives.ids]
        ids, where = torch.cat(parts).unique(return_inverse=True)
        inputs_ID, outputs_ID, loss = self.item_vectors(embedding(ids, table_ID))
        _, at_input, at_target, at_negative = where.split([len(part) for part in parts])
        x_BLD = embedding(at_input.view_as(inputs_BL), inputs_ID)
        states_ND = self.backbone(x_BLD, twice_differentiable=twice_differentiable)[real_BL]
        return loss + sampled_softmax(
            states_ND,
            embedding(at_target, outputs_ID),
            embedding(at_negative, outputs_ID),
            targets_N,
            negatives.ids,
            negatives.log_inclusion[targets_N],
            negatives.log_inclusion[negatives.ids],
        )
