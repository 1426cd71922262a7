"""Plots as SVG, coloured by the page's own variables, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from statistics import median_low

from recbole_metarec.evaluation.significance import Change

# Colours that the page defines, --c0 and so on.
N_COLOURS = 8
# What reaches beyond so many times the median does not stretch an axis.
_MOST_TIMES = 3.0


def axis_bound(bounds: Sequence[float]) -> float:
    """Choose how far an axis reaches for values of which most are small and one or two may be large.

    Parameters
    ----------
    bounds : sequence of float
        How far each reaches, not negative.

    Returns
    -------
    float
        The largest, but three times the median of those above 0 at most, and 0.01 at least.
    """
    known = [bound for bound in bounds if bound > 0 and math.isfinite(bound)]
    return max(0.01, min(max(known), _MOST_TIMES * median_low(known))) if known else 0.01


def interval_bar(change: Change, bound: float, is_clear: bool = True) -> str:
    """Draw an effect and its interval on an axis from ``-bound`` to ``bound``, with an arrow where it goes on.

    Parameters
    ----------
    change : Change
        Nothing is drawn if it is not a number.
    bound : float
        Positive.
    is_clear : bool
        Whether it may be coloured: an interval beside 0 may not be after correction for several comparisons.

    Returns
    -------
    str
        An ``<svg>``; empty if there is nothing to draw.
    """
    if math.isnan(change.relative):
        return ""

    def x(value: float) -> float:
        return 100 + 96 * max(-1.0, min(1.0, value / bound))

    kind = "even" if not is_clear else _kind(change)
    said = f"{change.relative:+.1%}, 95% interval {change.low:+.1%} to {change.high:+.1%}"
    arrows = [
        f'<path class="arrow" d="M{side * 96 + 100} 3 l{side * 4} 5 l{side * -4} 5"/>'
        for side, beyond in ((-1, change.low < -bound), (1, change.high > bound))
        if beyond
    ]
    point = f'<circle cx="{x(change.relative):.1f}" cy="8" r="4"/>' if abs(change.relative) <= bound else ""
    return (
        f'<svg class="interval {kind}" viewBox="0 0 200 16" role="img" aria-label="{said}"><title>{said}</title>'
        '<line class="zero" x1="100" x2="100" y1="0" y2="16"/>'
        f'<line class="range" x1="{x(change.low):.1f}" x2="{x(change.high):.1f}" y1="8" y2="8"/>'
        f"{point}{''.join(arrows)}</svg>"
    )


def _kind(change: Change) -> str:
    return "good" if change.low > 0 else "bad" if change.high < 0 else "even"


def waterfall(steps: Sequence[tuple[float, Change | None]]) -> list[str]:
    """Draw how a value is reached step by step, a strip for each, one below the other.

    Parameters
    ----------
    steps : sequence of (float, Change or None)
        What is reached, and the change from the one before with its interval; the first has none.

    Returns
    -------
    list of str
        An ``<svg>`` for each, on an axis that they share and that does not begin at 0.
    """
    values = [value for value, _ in steps]
    befores = [values[0], *values[:-1]]
    ends = [
        before * (1 + bound)
        for before, (_, change) in zip(befores, steps, strict=True)
        for bound in ((change.low, change.high) if change else ())
    ]
    lowest, highest = min(*values, *ends), max(*values, *ends)

    def x(value: float) -> float:
        return 4 + 292 * (value - lowest) / ((highest - lowest) or 1.0)

    strips = []
    for before, (value, change) in zip(befores, steps, strict=True):
        kind = "first" if change is None else _kind(change)
        bar = f'<line class="bar" x1="{x(before):.1f}" x2="{x(value):.1f}" y1="12" y2="12"/>'
        if change is not None and not math.isnan(change.relative):
            low, high = (x(before * (1 + bound)) for bound in (change.low, change.high))
            bar += f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="12" y2="12"/>'
        strips.append(
            f'<svg class="step {kind}" viewBox="0 0 300 24" preserveAspectRatio="none" aria-hidden="true">{bar}'
            f'<line class="mark" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="3" y2="24"/></svg>'
        )
    return strips


def line_chart(series: Mapping[str, Sequence[float]], title: str, joined: Mapping[str, float] | None = None) -> str:
    """Draw curves over epochs, and beside them what is reached when all is joined.

    Parameters
    ----------
    series : mapping of str to sequence of float
        By name; empty ones are left out.
    title : str
        For those who do not see it.
    joined : mapping of str to float, optional
        Of some of them, a last value, behind the last epoch.

    Returns
    -------
    str
        An ``<svg>`` and a legend; empty if there is nothing to draw.
    """
    series = {name: list(values) for name, values in series.items() if len(values)}
    if not series:
        return ""
    joined = {name: value for name, value in (joined or {}).items() if name in series}
    longest = max(2, *(len(values) for values in series.values()))
    every = [value for values in series.values() for value in values] + list(joined.values())
    top, bottom = max(every) or 1.0, min(every)
    bottom = 0.0 if bottom < top / 2 else bottom - (top - bottom) / 10
    left, right, upper, lower = 38, 366 if joined else 412, 8, 190

    def point(epoch: float, value: float) -> tuple[float, float]:
        x = left + (right - left) * epoch / (longest - 1)
        return x, lower - (lower - upper) * (value - bottom) / ((top - bottom) or 1.0)

    parts = [f'<svg class="chart" viewBox="0 0 420 222" role="img" aria-label="{escape(title)}">']
    for step in range(5):
        value = bottom + (top - bottom) * step / 4
        _, y = point(0, value)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 4}" y="{y + 3:.1f}" text-anchor="end">{value:.3f}</text>')
    for epoch in sorted({0, (longest - 1) // 2, longest - 1}):
        parts.append(
            f'<text x="{point(epoch, bottom)[0]:.1f}" y="{lower + 13}" text-anchor="middle">{epoch + 1}</text>'
        )
    parts.append(f'<text x="{(left + right) / 2}" y="{lower + 28}" text-anchor="middle">evaluation (epoch)</text>')
    if joined:
        parts.append(f'<text x="396" y="{lower + 13}" text-anchor="middle">joined</text>')
    for number, (name, values) in enumerate(series.items()):
        points = [point(epoch, value) for epoch, value in enumerate(values)]
        colour = _colour(number)
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="{colour}" points="{line}"><title>{escape(name)}</title></polyline>')
        (x, y), said = points[-1], f"<title>{escape(name)}</title>"
        parts.append(f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.5">{said}</circle>')
        if name in joined:
            _, end = point(0, joined[name])
            parts.append(f'<line class="{colour} joins" x1="{x:.1f}" y1="{y:.1f}" x2="396" y2="{end:.1f}"/>')
            parts.append(f'<circle class="{colour}" cx="396" cy="{end:.1f}" r="4">{said}</circle>')
    return "".join([*parts, "</svg>", legend(list(series))])


def _colour(number: int) -> str:
    """Return the classes of a curve; where colours come again, its line is dashed."""
    return f"k{number % N_COLOURS}" + " dashed" * (number >= N_COLOURS)


def legend(names: Sequence[str]) -> str:
    """List names with their colours."""
    swatches = (f'<span class="swatch {_colour(number)}"></span>' for number in range(len(names)))
    items = (f"<li>{swatch}{escape(name)}</li>" for swatch, name in zip(swatches, names, strict=True))
    return f'<ul class="legend">{"".join(items)}</ul>'


def heat_map(history: Sequence[Mapping[str, float]], names: Sequence[str]) -> str:
    """Draw source weights by epoch: the darker, the heavier.

    Parameters
    ----------
    history : sequence of mapping of str to float
        Weights of each epoch, by source.
    names : sequence of str
        Sources, from top to bottom.

    Returns
    -------
    str
        A list of names with an ``<svg>`` each; empty without epochs.
    """
    if not history:
        return ""
    largest = max(max(epoch.values()) for epoch in history) or 1.0
    lines = []
    for name in names:
        cells = []
        for number, epoch in enumerate(history):
            said = f"{name}, epoch {number + 1}: {epoch[name]:.3f}"
            shade = f"fill-opacity:{epoch[name] / largest:.3f}"
            place = f'x="{number}" y="0" width="0.96" height="1"'
            cells.append(f'<rect class="heat" {place} style="{shade}"><title>{escape(said)}</title></rect>')
        strip = f'viewBox="0 0 {len(history)} 1" preserveAspectRatio="none" role="img"'
        said = f"weights of {name} by epoch"
        lines.append(f'<li>{escape(name)}<svg {strip} aria-label="{escape(said)}">{"".join(cells)}</svg></li>')
    return f'<ul class="heat" style="--n: {len(history)}">{"".join(lines)}</ul>'
