"""Plots of the pages of results: marks stand where the values are, and what is committed is what is drawn."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import plots

from recbole_metarec.evaluation.significance import Change

AXIS = plots.Axis(-0.1, 0.1, (-0.1, 0, 0.1), "{:+.0%}")


def interval(relative: float, low: float, high: float, seeds: int = 3) -> plots.Interval:
    return plots.Interval("a target", Change(relative, low, high, 0.5, (relative,) * seeds), seeds)


def drawn(row: plots.Interval) -> str:
    return plots.intervals("title", "said", [row], AXIS)


def mark(svg: str) -> tuple[float, str]:
    """Return where the only mark stands, and what it is filled with."""
    ((x, fill),) = re.findall(r'<circle cx="([\d.]+)".*? fill="([^"]+)"', svg)
    return float(x), fill


def test_marks_lie_on_the_axis_by_their_values() -> None:
    places = [mark(drawn(interval(value, value - 0.01, value + 0.01)))[0] for value in (-0.05, 0.0, 0.05)]
    assert places[1] == pytest.approx(AXIS.x(0), abs=0.1)
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)
    assert places[0] < places[1] < places[2]


def test_one_seed_is_hollow() -> None:
    assert mark(drawn(interval(0.05, 0.01, 0.08, seeds=1)))[1] == "none"
    assert mark(drawn(interval(0.05, 0.01, 0.08, seeds=2)))[1] != "none"


def test_what_reaches_beyond_the_axis_ends_in_an_arrow() -> None:
    assert "<path" not in drawn(interval(0.05, 0.01, 0.08))
    assert drawn(interval(0.05, 0.01, 0.2)).count("<path") == 1
    far = drawn(interval(0.3, -0.2, 0.5))
    assert far.count("<path") == 2
    assert "<circle" not in far


@pytest.mark.parametrize("name", ["evidence", "warm-up", "parts"])
def test_what_is_committed_is_what_is_drawn(name: str) -> None:
    assert (plots.PAGES / f"{name}.svg").read_text(encoding="utf-8") == plots.PLOTS[name]()
