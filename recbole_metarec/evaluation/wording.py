"""How sizes, metrics and changes are written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recbole_metarec.evaluation.significance import Change


def size(n_users: int, n_targets: int) -> str:
    """Say how many users and, where a user has several, how many targets there are."""
    users = f"{n_users:,} users"
    return users if n_users == n_targets else f"{users} ({n_targets:,} targets)"


def spell(metric: str) -> str:
    """Write a metric as the field does: ``ndcg@10`` as ``NDCG@10``."""
    name, _, k = metric.partition("@")
    names = {"recall": "Recall", "ndcg": "NDCG", "mrr": "MRR", "hit": "Hit", "map": "MAP", "precision": "Precision"}
    return f"{names.get(name, name)}@{k}" if k else name


def percent(value: float) -> str:
    """Write a relative change."""
    return "n/a" if math.isnan(value) else f"{value:+.1%}"


def interval(change: Change) -> str:
    """Write the interval of a change."""
    return f"{percent(change.low)} to {percent(change.high)}"
