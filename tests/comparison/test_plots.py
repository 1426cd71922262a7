"""Charts show what they are given, and no value makes the others too small to see."""

from __future__ import annotations

import re

import pytest

from recbole_metarec.comparison.plots import axis_bound, interval_bar, line_chart, waterfall
from recbole_metarec.evaluation.significance import Change


def change(relative: float, low: float, high: float) -> Change:
    return Change(relative, low, high, 0.5, (relative,))


def ends(svg: str, kind: str) -> tuple[float, float]:
    (found,) = re.findall(rf'class="{kind}" x1="([-\d.]+)" x2="([-\d.]+)"', svg)
    return float(found[0]), float(found[1])


@pytest.mark.parametrize(
    ("bounds", "wanted"),
    [
        ([], 0.01),
        ([0.0, float("nan")], 0.01),
        ([0.03], 0.03),
        ([0.03, 0.04, 0.05], 0.05),
        ([0.03, 0.52], 0.09),
        ([0.0, 0.0, 0.0, 0.04, 0.05, 0.52], 0.15),
        ([0.5, 0.52, 0.6], 0.6),
    ],
)
def test_an_axis_reaches_as_far_as_most_need(bounds: list[float], wanted: float) -> None:
    assert axis_bound(bounds) == pytest.approx(wanted)


def test_an_interval_goes_on_in_an_arrow_where_the_axis_ends() -> None:
    inside, beyond = change(-0.02, -0.04, 0.0), change(-0.5, -0.6, -0.05)
    assert "arrow" not in interval_bar(inside, 0.1)
    drawn = interval_bar(beyond, 0.1)
    assert drawn.count("arrow") == 1
    assert "<circle" not in drawn  # the mean lies beyond
    assert ends(drawn, "range") == (4, 52)
    assert 'class="interval bad"' in drawn
    assert 'class="interval even"' in interval_bar(beyond, 0.1, is_clear=False)


def test_steps_of_a_waterfall_begin_where_the_one_before_ends() -> None:
    steps = [(0.5, None), (0.6, change(0.2, 0.1, 0.3)), (0.54, change(-0.1, -0.2, 0.0))]
    strips = waterfall(steps)
    bars = [ends(strip, "bar") for strip in strips]
    assert bars[0][0] == bars[0][1] == bars[1][0]
    assert bars[1][1] == bars[2][0] > bars[2][1]
    lengths = [end - begin for begin, end in bars]
    assert lengths[1] / lengths[2] == pytest.approx(0.1 / -0.06, rel=0.01)
    begin, end = ends(strips[2], "range")
    assert (begin - bars[2][0]) / lengths[2] == pytest.approx(2.0, rel=0.01)
    assert end == pytest.approx(bars[2][0])
    assert all(0 <= place <= 300 for strip in strips for kind in ("bar", "mark") for place in ends(strip, kind))


def test_what_is_joined_stands_behind_the_last_epoch() -> None:
    chart = line_chart({"a": [0.1, 0.2], "b": [0.1, 0.15]}, "title", {"a": 0.4, "gone": 0.9})
    assert chart.count('joins"') == 1
    assert "0.400" in chart  # the axis holds it
    assert "0.900" not in chart
    assert ">joined<" in chart
    assert "joined" not in line_chart({"a": [0.1, 0.2]}, "title")


def test_colours_that_come_again_are_dashed() -> None:
    chart = line_chart({str(n): [0.1, 0.2] for n in range(10)}, "title")
    assert chart.count('polyline class="k0 dashed"') == chart.count('swatch k1 dashed"') == 1
    assert chart.count("dashed") == 6  # curve, end and legend of two
