"""Sequences in the order of exact times.

Rounding keeps order and RecBole's own sort is stable, so what is sorted once stays sorted; ties keep the order of the
file.
"""

from __future__ import annotations

from functools import wraps

from recbole.data.dataset import Dataset

_stock = Dataset._change_feat_format


@wraps(_stock)
def _change_feat_format(self: Dataset) -> None:
    """Sort interactions by time before RecBole rounds timestamps to float32."""
    if self.benchmark_filename_list is None and self.time_field in self.inter_feat:
        self.inter_feat = self.inter_feat.sort_values(self.time_field, kind="stable", ignore_index=True)
    _stock(self)


def apply() -> None:
    """Replace the method."""
    Dataset._change_feat_format = _change_feat_format
