"""How RecBole evaluates where nobody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Word


class ProtocolSettings(Settings):
    """RecBole's own keys of evaluation that have another default here."""

    group = "Evaluation"

    eval_args: Mapping[str, Any] = option(
        {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "Leave-one-out: a user's last item tests, the one before validates.",
        "RecBole",
    )
    metrics: str | Sequence[str] = option(["Recall", "NDCG", "MRR", "Hit"], "RecBole's names of metrics.")
    topk: int | Sequence[int] = option([10], "Lengths of lists that metrics look at.", "RecBole")
    valid_metric: Word = option("NDCG@10", "The metric that epochs are chosen by.")
    metric_decimal_place: int = option(
        6, "RecBole rounds metrics before early stopping compares them; 4 places make ties.", "Ours"
    )
