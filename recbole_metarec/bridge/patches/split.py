"""A split at points of time for models that read no sequences."""

from __future__ import annotations

from functools import wraps

import numpy as np
from recbole.data.dataset import Dataset

from recbole_metarec.bridge.rows import TARGET_ROW
from recbole_metarec.bridge.time_split import require_all, split_sequences
from recbole_metarec.settings.protocol import points_of

_stock = Dataset.build


@wraps(_stock)
def _build(self: Dataset) -> list[Dataset]:
    """Split a dataset of a run of this package by time where that is asked for; the targets are those of sequences."""
    if points_of(self.config) is None or self.config["known_items"] is None:
        return list(_stock(self))
    self._change_feat_format()
    self._drop_unused_col()
    rows = np.argsort(self.inter_feat[TARGET_ROW].numpy())
    parts = split_sequences(self._sequences, self.uid_field, self.config, self.dataset_name, with_firsts=True)
    datasets = [self.copy(self.inter_feat[np.sort(rows[part])]) for part in parts]
    require_all(datasets, self.config, self.dataset_name)
    return datasets


def apply() -> None:
    """Replace the method."""
    Dataset.build = _build
