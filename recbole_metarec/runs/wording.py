"""How protocols, metrics and changes are written."""

from __future__ import annotations

import math

from recbole_metarec.evaluation.significance import Change
from recbole_metarec.runs.result import RunResult


def size(n_users: int, n_targets: int) -> str:
    """Say how many users and, where a user has several, how many targets there are."""
    users = f"{n_users:,} users"
    return users if n_users == n_targets else f"{users} ({n_targets:,} targets)"


def protocol(run: RunResult) -> str:
    """Say among what a run's targets were ranked."""
    if run.mode == "full":
        among = "full ranking of items that someone had on an earlier day" if run.known_items else "full ranking"
        return f"{among}, history {'masked' if run.mask_history else 'not masked'}"
    how, n_sampled = run.mode[:3], run.mode[3:]
    drawn = {"uni": "uniformly", "pop": "by popularity"}.get(how, how)
    return f"each target ranked among {n_sampled} items that are drawn {drawn}, not among all"


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
