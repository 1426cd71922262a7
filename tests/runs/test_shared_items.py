"""Items that target and source have under one id, in whole runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timed
from timed import Line

import recbole_metarec as rm

QUICK = {"gpu_id": "", "show_progress": False, "state": "WARNING", "evidence_rows": 300, "evidence_factors": 0}
SPLIT = {"split": {"time": [0.6, 0.8]}, "order": "TO", "mode": "full"}


def in_circles(prefix: str, n_users: int, seed: int, n_items: int = 60) -> list[Line]:
    """Draw users who go around a circle of items, mostly one item on a day."""
    rng = np.random.default_rng(seed)
    lines = []
    for user in range(n_users):
        item, day = rng.integers(n_items), rng.integers(60)
        for _ in range(6):
            item, day = (
                (item + (7 if rng.random() < 0.9 else rng.integers(n_items))) % n_items,
                day + rng.integers(1, 5),
            )
            lines.append(Line(f"{prefix}{user}", f"i{item}", timed.START + int(day) * 86_400))
    return lines


@pytest.fixture
def settings() -> dict[str, Any]:
    """Write a small target and a large source."""
    timed.write(Path("dataset"), in_circles("t", 20, 0), name="target")
    timed.write(Path("dataset"), in_circles("s", 400, 1), name="source")
    return {**QUICK, "model": "Evidence", "dataset": "target", "source_datasets": ["source"], "eval_args": SPLIT}


def test_a_source_tells_what_follows_shared_items(settings: dict[str, Any]) -> None:
    apart, scratch, *_ = rm.run(settings)
    merged, scratch_again, *_ = rm.run(settings, shared_items="evidence")
    assert merged.test["ndcg@10"] > apart.test["ndcg@10"] + 0.1
    assert scratch_again.test == scratch.test
    models = {key: value for key, value in settings.items() if key != "model"}
    compared = rm.compare(["Evidence:merged"], models, scratch_control=False).runs["Evidence:merged"]
    assert [run.test for run in compared.values()] == [merged.test]
    rec = rm.load(str(merged.checkpoint))
    assert rec.recommend([["i3"]], k=1)[0][0].item_id == "i10"


def test_there_must_be_something_to_share(settings: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    others = [line._replace(item=f"other {line.item}") for line in in_circles("o", 60, 2)]
    timed.write(Path("dataset"), others, name="others")
    rm.run(settings, source_datasets=["others"], shared_items="evidence", scratch_control=False)
    assert "shared_items=evidence does nothing" in capsys.readouterr().err
