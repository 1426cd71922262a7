"""RecBole's models without the padding behind their sequences: the same losses, gradients and scores in less time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from recbole.data.interaction import Interaction
from torch import Tensor

# Those that mask padding or never look behind a sequence's last item. LightSANs' interests pool over padding, too.
EXACT = ("SASRec", "GRU4Rec", "CORE", "SASRecF", "FDSA")

# Parts of like length that a batch is cut into.
PARTS = 16


def trim_padding(model: Any) -> None:
    """Let a model compute a batch in parts of like length, each as wide as its longest sequence.

    The loss of a batch is the mean over its rows, so that the parts' losses, weighted by their rows, add up to it; what
    differs is which elements dropout draws.

    Parameters
    ----------
    model : recbole.model.abstract_recommender.SequentialRecommender
        One of `EXACT`, with RecBole's ``loss_type: CE``.
    """
    whole_loss, whole_scores = model.calculate_loss, model.full_sort_predict

    def calculate_loss(interaction: Interaction) -> Tensor:
        parts = _parts(model, interaction)
        return torch.stack([whole_loss(part) * (len(rows) / len(interaction)) for rows, part in parts]).sum()

    def full_sort_predict(interaction: Interaction) -> Tensor:
        rows, parts = zip(*_parts(model, interaction), strict=True)
        scores_BI = torch.cat([whole_scores(part).view(len(part), -1) for part in parts])
        return scores_BI[torch.cat(rows).argsort()]

    model.calculate_loss, model.full_sort_predict = calculate_loss, full_sort_predict


def _parts(model: Any, interaction: Interaction) -> Iterator[tuple[Tensor, Interaction]]:
    lengths = interaction[model.ITEM_SEQ_LEN]
    padded = interaction[model.ITEM_SEQ].shape[1]
    for rows in lengths.argsort().chunk(PARTS):
        part, longest = interaction[rows], int(lengths[rows].max())
        columns = part.interaction.items()
        yield rows, Interaction({name: _cut(column, padded, longest) for name, column in columns})


def _cut(column: Tensor, padded: int, longest: int) -> Tensor:
    return column[:, :longest] if column.dim() > 1 and column.shape[1] == padded else column
