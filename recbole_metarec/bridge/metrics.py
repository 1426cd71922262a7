"""What RecBole's metrics measure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from recbole.evaluator.register import metrics_dict

from recbole_metarec.settings.kinds import listed


def metric_names(metric: str, topk: int | Sequence[int]) -> list[str]:
    """Name what a metric measures: itself at each of ``topk``, or itself alone if RecBole's class knows no k."""
    settings: dict[str, Any] = defaultdict(lambda: None, topk=topk)
    has_k = "topk" in vars(metrics_dict[metric.lower()](settings))
    return [f"{metric}@{k}" for k in listed(topk)] if has_k else [metric]


def measured(metrics: str | Sequence[str], topk: int | Sequence[int]) -> list[str]:
    """Name what several metrics measure, in their order."""
    return [name for metric in listed(metrics) for name in metric_names(metric, topk)]
