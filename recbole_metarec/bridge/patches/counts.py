"""Numbers and counters among the tensors that metrics need."""

from __future__ import annotations

from functools import wraps
from typing import Any

import torch
from recbole.evaluator import Collector

_stock = Collector.get_data_struct


@wraps(_stock)
def _get_data_struct(self: Collector) -> Any:
    """Let RecBole move tensors alone to the CPU."""
    data = self.data_struct._data_dict
    counts = {key: data.pop(key) for key in list(data) if not isinstance(data[key], torch.Tensor)}
    struct = _stock(self)
    data.update(counts)
    struct._data_dict.update(counts)
    return struct


def apply() -> None:
    """Replace the method."""
    Collector.get_data_struct = _get_data_struct
