"""Histories and items of later days that are candidates or not, as ``mask_history`` and ``known_items`` say."""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from torch import Tensor

from recbole_metarec.bridge.history import (
    history_index,
    oldest_first,
    ranks_both_ways,
    single_targets,
    wants_single_targets,
)
from recbole_metarec.bridge.rows import TARGET_ROW
from recbole_metarec.bridge.stamped import no_candidates

_stock = FullSortEvalDataLoader.collate_fn


@wraps(_stock)  # loaders are pickled with the method by its name
def _collate_fn(self: FullSortEvalDataLoader, index: Any) -> tuple[Any, Any, Tensor, Tensor]:
    """Replace a batch's history where ``mask_history`` or ``known_items`` is set.

    Targets of general models are put in order; where candidates hang on their times, they are rows of their own.
    Within `ranked_both_ways` the history is an attribute of the rows.
    """
    rows, history, positive_row, positive_item = _stock(self, index)
    dataset, mask, both = self._dataset, self.config["mask_history"], ranks_both_ways(self)
    single = wants_single_targets(self)
    if single or self.config["known_items"]:
        if single:
            rows, of_target = single_targets(self, rows)
            targets = dataset.inter_feat[of_target]
            positive_row, positive_item = torch.arange(len(rows)), targets[dataset.iid_field]
        else:
            targets = dataset.inter_feat[np.asarray(index)]
        history = no_candidates(dataset, targets[TARGET_ROW], bool(mask) and not both)
        if both:
            rows.history = dataset._sequences.history(dataset.iid_field, targets[TARGET_ROW])
        return rows, history, positive_row, positive_item
    if both or mask:
        history = history_index(self, index, rows)
    if both:
        rows.history = history
    if both or mask is False:
        history = None
    if not self.is_sequential:
        positive_row, positive_item = oldest_first(self, rows, positive_row, positive_item)
    return rows, history, positive_row, positive_item


def apply() -> None:
    """Replace the method."""
    FullSortEvalDataLoader.collate_fn = _collate_fn
