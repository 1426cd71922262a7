"""What a run gives cause to doubt is a line that says what to change; a run without cause has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from test_report import result

from recbole_metarec.runs.doubts import doubts

SOUND = {"share": 0.5, "attainable": 1.0, "perplexity": 9.0, "collisions": 0.0}


def seen(opposed: int) -> dict[str, int]:
    return {"steps": 100, "opposed": opposed}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"curve": [0.1, 0.2]}, ""),
        ({"curve": [0.1]}, ""),
        ({"curve": [0.1, 0.1, 0.1]}, "validation says nothing: each of 3 evaluations found 0.1, "),
        ({"diagnostics": {"codebook": SOUND}}, ""),
        ({"diagnostics": {"codebook": {**SOUND, "share": 0.02}}}, "codebooks have collapsed, 2.0% of the codes"),
        ({"diagnostics": {"codebook": {**SOUND, "share": 0.02, "attainable": 0.03}}}, ""),
        (
            {"diagnostics": {"opposed_sources": {"a": seen(60), "b": seen(65), "c": seen(70)}}},
            "c may hurt: its meta gradients oppose the target's in 70 of 100 steps",
        ),
    ],
)
def test_doubts(changes: dict[str, Any], line: str) -> None:
    run = replace(result([1, 2]), **{"curve": [], "diagnostics": {}, **changes})
    (found,) = [*doubts(run)] or [""]
    assert found.startswith(line)
    assert bool(found) == bool(line)
