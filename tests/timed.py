"""A small domain of which the days are known, and what a split of it by time is by hand."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

NAME = "days"
START = 1_300_000_000 // 86_400 * 86_400
SCALES = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class Line(NamedTuple):
    """An interaction; ``second`` is since 1970."""

    user: str
    item: str
    second: int


def draw_lines(seed: int = 0, n_users: int = 60, n_items: int = 25, whole_days: bool = False) -> list[Line]:
    """Draw interactions in no order; items appear one after the other, users have from 1 to 12."""
    rng = np.random.default_rng(seed)
    lines = []
    for user in range(n_users):
        for second in rng.integers(0, 40 * 86_400, rng.integers(1, 13)):
            second = second // 86_400 * 86_400 if whole_days else second
            newest = 3 + int((n_items - 3) * second / (40 * 86_400))
            lines.append(Line(f"u{user:03}", f"i{rng.integers(newest):02}", START + int(second)))
    rng.shuffle(lines)
    return [Line(user, item, int(second)) for user, item, second in lines]


def write(root: Path, lines: list[Line], unit: str = "s", name: str = NAME) -> None:
    """Write an atomic file of a domain, lines in the order given."""
    rows = [f"{user}\t{item}\t{second * SCALES[unit]}" for user, item, second in lines]
    (root / name).mkdir(parents=True)
    text = "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *rows, ""])
    (root / name / f"{name}.inter").write_text(text)


def sequences(lines: list[Line]) -> dict[str, list[Line]]:
    """Return each user's interactions by time, then by line."""
    found = defaultdict(list)
    for line in sorted(lines, key=lambda each: each.second):
        found[line.user].append(line)
    return found


def cut(lines: list[Line], share: float) -> int:
    """Return the midnight before the quantile."""
    every = sorted(line.second for line in lines)
    return every[int(np.floor(share * (len(every) - 1)))] // 86_400 * 86_400


def splits(lines: list[Line], first: float, second: float) -> list[list[tuple[list[Line], Line]]]:
    """Return (history, target) of the train, validation and test part."""
    parts: list[list[tuple[list[Line], Line]]] = [[], [], []]
    for sequence in sequences(lines).values():
        for n, target in enumerate(sequence):
            if n:
                parts[int(target.second >= first) + int(target.second >= second)].append((sequence[:n], target))
    return parts


def first_days(lines: list[Line]) -> dict[str, int]:
    """Return the day on which each item was first had."""
    found: dict[str, int] = {}
    for line in lines:
        day = line.second // 86_400
        found[line.item] = min(found.get(line.item, day), day)
    return found
