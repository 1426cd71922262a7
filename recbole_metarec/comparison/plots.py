"""Plots as SVG, coloured by the page's own variables, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from recbole_metarec.evaluation.significance import Change

# Colours that the page defines, --c0 and so on.
N_COLOURS = 8


def interval_bar(change: Change, bound: float) -> str:
    """Draw an effect and its interval on an axis from ``-bound`` to ``bound``.

    Parameters
    ----------
    change : Change
        Nothing is drawn if it is not a number.
    bound : float
        Positive.

    Returns
    -------
    str
        An ``<svg>``; empty if there is nothing to draw.
    """
    if math.isnan(change.relative):
        return ""

    def x(value: float) -> float:
        return 100 + 96 * max(-1.0, min(1.0, value / bound))

    kind = "good" if change.low > 0 else "bad" if change.high < 0 else "even"
    said = f"{change.relative:+.1%}, 95% interval {change.low:+.1%} to {change.high:+.1%}"
    return (
        f'<svg class="interval {kind}" viewBox="0 0 200 16" role="img" aria-label="{said}"><title>{said}</title>'
        '<line class="zero" x1="100" x2="100" y1="0" y2="16"/>'
        f'<line class="range" x1="{x(change.low):.1f}" x2="{x(change.high):.1f}" y1="8" y2="8"/>'
        f'<circle cx="{x(change.relative):.1f}" cy="8" r="4"/></svg>'
    )


def line_chart(series: Mapping[str, Sequence[float]], title: str) -> str:
    """Draw curves over epochs.

    Parameters
    ----------
    series : mapping of str to sequence of float
        By name; empty ones are left out.
    title : str
        For those who do not see it.

    Returns
    -------
    str
        An ``<svg>`` and a legend; empty if there is nothing to draw.
    """
    series = {name: list(values) for name, values in series.items() if len(values)}
    if not series:
        return ""
    longest = max(2, *(len(values) for values in series.values()))
    top = max(max(values) for values in series.values()) or 1.0
    left, right, upper, lower = 56, 704, 10, 250

    def point(epoch: int, value: float) -> str:
        x = left + (right - left) * epoch / (longest - 1)
        return f"{x:.1f},{lower - (lower - upper) * value / top:.1f}"

    parts = [f'<svg class="chart" viewBox="0 0 720 290" role="img" aria-label="{escape(title)}">']
    for step in range(5):
        value = top * step / 4
        y = lower - (lower - upper) * step / 4
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3f}</text>')
    for epoch in sorted({0, (longest - 1) // 2, longest - 1}):
        place = point(epoch, 0).split(",")[0]
        parts.append(f'<text x="{place}" y="{lower + 18}" text-anchor="middle">{epoch + 1}</text>')
    parts.append(f'<text x="{(left + right) / 2}" y="{lower + 36}" text-anchor="middle">evaluation (epoch)</text>')
    for number, (name, values) in enumerate(series.items()):
        points, colour = [point(epoch, value) for epoch, value in enumerate(values)], f"k{number % N_COLOURS}"
        line = f'<polyline class="{colour}" points="{" ".join(points)}"><title>{escape(name)}</title></polyline>'
        end_x, end_y = points[-1].split(",")
        parts += [line, f'<circle class="{colour}" cx="{end_x}" cy="{end_y}" r="3"/>']
    return "".join([*parts, "</svg>", legend(list(series))])


def legend(names: Sequence[str]) -> str:
    """List names with their colours."""
    swatches = (f'<span class="swatch k{number % N_COLOURS}"></span>' for number in range(len(names)))
    items = (f"<li>{swatch}{escape(name)}</li>" for swatch, name in zip(swatches, names, strict=True))
    return f'<ul class="legend">{"".join(items)}</ul>'


def heat_map(history: Sequence[Mapping[str, float]], title: str) -> str:
    """Draw source weights by epoch: the darker, the heavier.

    Parameters
    ----------
    history : sequence of mapping of str to float
        Weights of each epoch, by source.
    title : str
        For those who do not see it.

    Returns
    -------
    str
        An ``<svg>``; empty without epochs.
    """
    if not history:
        return ""
    names = sorted(history[0], key=lambda name: -sum(epoch[name] for epoch in history))
    largest = max(max(epoch.values()) for epoch in history) or 1.0
    row, left = 22, 240
    width = min(40.0, 460 / len(history))
    height = row * len(names) + 30
    parts = [f'<svg class="chart" viewBox="0 0 720 {height}" role="img" aria-label="{escape(title)}">']
    for i, name in enumerate(names):
        parts.append(f'<text x="{left - 8}" y="{row * i + 15}" text-anchor="end">{escape(name[:34])}</text>')
        for j, epoch in enumerate(history):
            said = f"{name}, epoch {j + 1}: {epoch[name]:.3f}"
            place = f'x="{left + width * j:.1f}" y="{row * i}" width="{width - 1:.1f}" height="{row - 2}"'
            shade = f"fill-opacity:{epoch[name] / largest:.3f}"
            parts.append(f'<rect class="heat" {place} style="{shade}"><title>{escape(said)}</title></rect>')
    for j in sorted({0, len(history) - 1}):
        x = left + width * (j + 0.5)
        parts.append(f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle">{j + 1}</text>')
    return "".join([*parts, "</svg>"])
