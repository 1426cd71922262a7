"""Histories that are candidates or not, as ``mask_history`` says."""

from __future__ import annotations

from functools import wraps
from typing import Any

from recbole.data.dataloader import FullSortEvalDataLoader
from torch import Tensor

from recbole_metarec.bridge.history import history_index, oldest_first

_stock = FullSortEvalDataLoader.collate_fn


@wraps(_stock)  # loaders are pickled with the method by its name
def _collate_fn(self: FullSortEvalDataLoader, index: Any) -> tuple[Any, Any, Tensor, Tensor]:
    """Replace a batch's history where ``mask_history`` is set; put targets of general models in order."""
    rows, history, positive_row, positive_item = _stock(self, index)
    mask = self.config["mask_history"]
    if mask is False:
        history = None
    elif mask:
        history = history_index(self, index, rows)
    if not self.is_sequential:
        positive_row, positive_item = oldest_first(self, rows, positive_row, positive_item)
    return rows, history, positive_row, positive_item


def apply() -> None:
    """Replace the method."""
    FullSortEvalDataLoader.collate_fn = _collate_fn
