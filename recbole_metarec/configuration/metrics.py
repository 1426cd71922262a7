"""What RecBole's metrics measure."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_metarec.settings.kinds import listed
from recbole_metarec.settings.protocol import LABEL_METRICS

_WITHOUT_K = ("gauc", *LABEL_METRICS)


def metric_names(metric: str, topk: int | Sequence[int]) -> list[str]:
    """Name what a metric measures: itself at each of ``topk``, or itself alone if it looks at no list of a length."""
    return [metric] if metric.lower() in _WITHOUT_K else [f"{metric}@{k}" for k in listed(topk)]


def measured(metrics: str | Sequence[str], topk: int | Sequence[int]) -> list[str]:
    """Name what several metrics measure, in their order."""
    return [name for metric in listed(metrics) for name in metric_names(metric, topk)]
