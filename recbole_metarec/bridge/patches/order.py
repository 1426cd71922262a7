"""Sequences in the order of exact times.

Rounding keeps order and RecBole's own sort is stable, so what is sorted once stays sorted; ties keep the order of the
file, unless ``shuffle_ties`` is set.
"""

from __future__ import annotations

from functools import wraps

from recbole.data.dataset import Dataset

from recbole_metarec.bridge.clock import rows_to_sort
from recbole_metarec.bridge.stamped import stamp_of

_stock = Dataset._change_feat_format


@wraps(_stock)
def _change_feat_format(self: Dataset) -> None:
    """Sort interactions by time before RecBole rounds timestamps to float32, and keep those that this package needs."""
    stamp = None
    if self.benchmark_filename_list is None and self.time_field in self.inter_feat:
        rows = rows_to_sort(self)
        if rows is not None:
            self.inter_feat = self.inter_feat.iloc[rows]
        self.inter_feat = self.inter_feat.sort_values(self.time_field, kind="stable", ignore_index=True)
        stamp = stamp_of(self)
    _stock(self)
    if stamp is not None:
        stamp.put_on(self)


def apply() -> None:
    """Replace the method."""
    Dataset._change_feat_format = _change_feat_format
