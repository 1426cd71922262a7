"""The plots of the pages of results, from recorded runs and from the tables of the pages themselves.

    python benchmarks/plots.py

writes `docs/results/*.svg` anew. Colours are readable on white and on black.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
import recorded

from recbole_metarec.evaluation.significance import Change, paired_bootstrap

PAGES = Path(__file__).parent.parent / "docs" / "results"
TEXT, GRID, SERIES = "#757575", "#9e9e9e", ("#9e9e9e", "#3f8fd2", "#d9822b", "#4c9f70")
LABELS, RIGHT, ROW, TOP, BOTTOM = 300, 20, 24, 46, 46
WIDTH = 760


class Interval(NamedTuple):
    """A change with its interval, on how many seeds."""

    label: str
    change: Change
    seeds: int


class Axis(NamedTuple):
    """Values from left to right."""

    low: float
    high: float
    ticks: tuple[float, ...]
    unit: str  # a format of Python's

    def x(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return LABELS + (WIDTH - LABELS - RIGHT) * share


def intervals(title: str, said: str, rows: Sequence[Interval], axis: Axis) -> str:
    """Draw changes with their intervals, one below the other; the marks of single seeds are hollow.

    What reaches beyond the axis ends in an arrow.
    """
    parts = []
    for number, row in enumerate(rows):
        y, change = TOP + ROW * (number + 0.5), row.change
        colour = SERIES[1] if change.low > 0 else SERIES[2] if change.high < 0 else SERIES[0]
        told = f"{change.relative:+.1%} ({change.low:+.1%} to {change.high:+.1%})"
        parts.append(_label(row.label, y, told))
        parts.append(_line(axis.x(change.low), axis.x(change.high), y, y, colour, 3))
        for beyond, bound, side in ((change.low < axis.low, axis.low, -1), (change.high > axis.high, axis.high, 1)):
            if beyond:
                parts.append(f'<path d="M{axis.x(bound):.1f} {y - 5} l{side * 7} 5 l{side * -7} 5z" fill="{colour}"/>')
        if axis.low <= change.relative <= axis.high:
            fill = colour if row.seeds > 1 else "none"
            parts.append(
                f'<circle cx="{axis.x(change.relative):.1f}" cy="{y}" r="5" fill="{fill}" stroke="{colour}" '
                'stroke-width="2"/>'
            )
    return _page(title, said, len(rows), axis, parts)


def dots(title: str, said: str, rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str], axis: Axis) -> str:
    """Draw several values in each row, and what they are above them."""
    parts = []
    for number, (label, values) in enumerate(rows):
        y = TOP + ROW * (number + 0.5)
        parts.append(_label(label, y, ", ".join(map(axis.unit.format, values))))
        parts.append(_line(axis.x(min(values)), axis.x(max(values)), y, y, GRID, 1))
        parts += [
            f'<circle cx="{axis.x(v):.1f}" cy="{y}" r="5" fill="{c}"/>' for v, c in zip(values, SERIES, strict=False)
        ]
    x = float(LABELS)
    for name, colour in zip(names, SERIES, strict=False):
        parts.append(f'<circle cx="{x:.0f}" cy="36" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x + 9:.0f}" y="40">{escape(name)}</text>')
        x += 30 + 7.5 * len(name)
    return _page(title, said, len(rows), axis, parts)


def _label(label: str, y: float, told: str) -> str:
    text = f'<text x="{LABELS - 12}" y="{y + 4}" text-anchor="end">{escape(label)}'
    return f"{text}<title>{escape(f'{label}: {told}')}</title></text>"


def _line(x1: float, x2: float, y1: float, y2: float, colour: str, width: float) -> str:
    places = f'x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"'
    return f'<line {places} stroke="{colour}" stroke-width="{width:g}"/>'


def _page(title: str, said: str, n_rows: int, axis: Axis, parts: Sequence[str]) -> str:
    bottom = TOP + ROW * n_rows
    grid = []
    for tick in axis.ticks:
        width = 1.5 if tick == 0 else 0.5
        grid.append(_line(axis.x(tick), axis.x(tick), TOP, bottom, GRID, width))
        place = f'x="{axis.x(tick):.1f}" y="{bottom + 16}" text-anchor="middle"'
        grid.append(f"<text {place}>{escape(axis.unit.format(tick) if tick else '0')}</text>")
    font = f'font-family="system-ui, sans-serif" font-size="13" fill="{TEXT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + BOTTOM}" role="img" {font}>',
        f"<title>{escape(title)}</title>",
        f'<text x="0" y="16" font-size="15" font-weight="600">{escape(title)}</text>',
        *grid,
        *parts,
        f'<text x="{WIDTH - RIGHT}" y="{bottom + 36}" text-anchor="end" font-size="12">{escape(said)}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def of_runs(suite: str, users: float, variant: str, reference: str, label: str) -> Interval:
    """Compare two variants that are recorded, as `recorded.table` does."""
    folder = recorded.FOLDER / suite / f"users-{users:g}"
    runs = [
        {seed: recorded.load(path) for seed in range(1, 4) if (path := folder / f"{name}-{seed}.json").exists()}
        for name in (variant, reference)
    ]
    seeds = sorted(runs[0].keys() & runs[1].keys())
    ours, theirs = (np.stack([of[seed].values("masked", "ndcg@10") for seed in seeds]) for of in runs)
    return Interval(label, paired_bootstrap(ours, theirs, 2000, 0), len(seeds))


def table_below(page: str, line: str) -> list[dict[str, str]]:
    """Return the rows of the first table of a page behind a line that begins so."""
    lines = (PAGES / page).read_text(encoding="utf-8").splitlines()
    behind = lines[next(number for number, text in enumerate(lines) if text.startswith(line)) :]
    first = next(number for number, text in enumerate(behind) if text.startswith("|"))
    rows = []
    for text in behind[first:]:
        if not text.startswith("|"):
            break
        rows.append([cell.strip() for cell in text.strip("|").split("|")])
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


# -- the plots --------------------------------------------------------------------------------------------------------

_CHANGE = "95% interval over users and seeds; hollow: one seed, which knows nothing of how much training varies"


def transfer() -> str:
    suites = [
        *(
            (suite, users, "metarec", "scratch")
            for suite in ("office", "beauty", "toys", "scientific")
            for users in (1, 0.1)
        ),
        *(("scientific", users, "ant", "ant-scratch") for users in (1, 0.1)),
        ("scientific-image", 1, "ant", "ant-scratch"),
        ("electronics", 1, "ant", "ant-scratch"),
    ]
    rows = [
        of_runs(*suite, f"{'ANT' if suite[2] == 'ant' else 'MetaRec'}, {suite[0]}, {suite[1]:.0%} of users")
        for suite in suites
    ]
    axis = Axis(-0.05, 0.15, (-0.05, 0, 0.05, 0.1, 0.15), "{:+.0%}")
    return intervals("NDCG@10 with sources, over the same model from scratch", _CHANGE, rows, axis)


def memory() -> str:
    rows = [
        of_runs(suite, users, "metarec", "memory", f"MetaRec, {suite}, {users:.0%} of users")
        for suite in ("office", "beauty", "toys", "scientific")
        for users in (1, 0.1)
    ]
    rows += [
        of_runs(suite, users, "ant", "memory", f"ANT, {suite}, {users:.0%} of users")
        for suite, users in (("scientific", 1), ("scientific", 0.1), ("scientific-image", 1), ("electronics", 1))
    ]
    axis = Axis(-0.1, 0.7, (-0.1, 0, 0.2, 0.4, 0.6), "{:+.0%}")
    return intervals("NDCG@10 over the memory alone, which learns nothing", _CHANGE, rows, axis)


def parts() -> str:
    named = {
        "metarec": "MetaRec",
        "frozen": "then only item embeddings",
        "finetune": "then fine-tuning",
        "no-quantizer": "without quantizer",
        "joint": "pre-training, then fine-tuning",
        "maml": "plain MAML",
        "hostile": "with a hostile source",
        "memory": "the memory alone",
        "scratch-plain": "scratch without memory, quantizer",
        "sasrec": "RecBole's SASRec",
    }
    rows = [of_runs("office", 0.1, variant, "scratch", label) for variant, label in named.items()]
    axis = Axis(-0.25, 0.25, (-0.2, -0.1, 0, 0.1, 0.2), "{:+.0%}")
    return intervals("NDCG@10 over scratch, office with 10% of the users", _CHANGE, rows, axis)


def evidence() -> str:
    names = ("up-to-date memory", "zero-shot", "own", "sources, then own")
    rows = table_below("evidence.md", "## With all users known")
    values = [(row["target"], [float(row[name]) for name in names]) for row in rows]
    relative = [(target, [each / of[0] for each in of]) for target, of in values]
    axis = Axis(0.9, 2.1, (1, 1.25, 1.5, 1.75, 2), "{:.2f}")
    said = "NDCG@10 over that of the up-to-date memory; one seed"
    return dots("What weights of evidence bring, by who taught them", said, relative, names, axis)


def warm_up() -> str:
    rows = table_below("training.md", "## Warm-up")
    values = [(f"{row['warm-up epochs']} epochs of warm-up", [1 / 3, float(row["hostile weight"])]) for row in rows]
    axis = Axis(0, 0.4, (0, 0.1, 0.2, 0.3, 0.4), "{:.2f}")
    said = "mean of three seeds; the further left, the better the hostile source is told apart"
    return dots("Weight of a hostile source among three", said, values, ("a third", "hostile source"), axis)


PLOTS = {"transfer": transfer, "memory": memory, "parts": parts, "evidence": evidence, "warm-up": warm_up}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(PLOTS), choices=list(PLOTS))
    for name in parser.parse_args().only:
        (PAGES / f"{name}.svg").write_text(PLOTS[name](), encoding="utf-8")


if __name__ == "__main__":
    main()
