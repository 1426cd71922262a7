"""Which variant is to be used: the simplest that validation does not tell from the best."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_report import result

from recbole_metarec.runs.delivery import deliver
from recbole_metarec.runs.report import run_report, why
from recbole_metarec.runs.result import RunResult

N_USERS = 200


def variant(name: str, hits: int, **changes: Any) -> RunResult:
    """Return a run that finds the first ``hits`` validation targets."""
    run = result([1] * N_USERS, variant=name)
    ranks = (np.arange(N_USERS) < hits).astype(np.int64)
    return replace(run, **{"valid_targets": run.targets, "valid_ranks": ranks, "checkpoint": f"{name}.pth", **changes})


@pytest.mark.parametrize(
    ("scratch", "transfer", "ensemble", "chosen"),
    [
        (100, 100, 100, "scratch"),
        (100, 101, 101, "scratch"),  # one user more is one standard error
        (100, 110, 110, "transfer"),
        (100, 99, 110, "ensemble"),
        (100, 120, 121, "transfer"),
        (100, 80, 60, "scratch"),
    ],
)
def test_the_simplest_that_is_as_good_is_used(scratch: int, transfer: int, ensemble: int, chosen: str) -> None:
    runs = [variant("transfer", transfer), variant("scratch", scratch), variant("ensemble", ensemble)]
    delivery = deliver([*runs, replace(runs[0], model="Memory", variant=None)], "NDCG@10", "auto")
    assert delivery is not None
    assert delivery.run.variant == chosen
    assert delivery.validated["scratch"] == (scratch / N_USERS, 0)
    assert f"scratch {scratch / N_USERS:.4f}, transfer {transfer / N_USERS:.4f}" in why(delivery)


def test_what_was_asked_for_is_used() -> None:
    runs = [variant("transfer", 1), variant("scratch", 100)]
    delivery = deliver(runs, "NDCG@10", "transfer")
    assert delivery is not None
    assert (delivery.run, why(delivery)) == (runs[0], "as asked for")


def test_there_is_no_choice_without_a_control() -> None:
    assert deliver([variant("transfer", 1)], "NDCG@10", "auto") is None


@pytest.mark.parametrize(
    ("metric", "changes"), [("GAUC", {}), ("NDCG@10", {"valid_targets": None, "valid_ranks": None})]
)
def test_without_validation_transfer_is_used_and_the_report_says_so(metric: str, changes: dict[str, Any]) -> None:
    runs = [variant("transfer", 1, **changes), variant("scratch", 100, **changes)]
    delivery = deliver(runs, metric, "auto")
    assert delivery is not None
    assert delivery.run.variant == "transfer"
    assert "MetaRec is to be used: there is no metric of single validation targets" in run_report(runs, 100, delivery)
