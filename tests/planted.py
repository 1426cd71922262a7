"""Domains with a known answer: disjoint items, one hidden grammar, and one hostile domain.

Every item belongs to one of a few hidden states. The next state depends on the two states before it, by a rule that all
friendly domains share and that the hostile domain reverses. A target with few users cannot learn the rule by itself.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

STATES = 6


def sequences(rng: np.random.Generator, users: int, length: int, items_per_state: int, hostile: bool) -> list[list[int]]:
    """Draw item sequences (ids from 0); nine steps of ten follow the rule."""
    result = []
    for _ in range(users):
        states = list(rng.integers(STATES, size=2))
        while len(states) < length:
            rule = (states[-1] - 2 * states[-2] - 1) if hostile else (states[-1] + states[-2] + 1)
            states.append(int(rng.integers(STATES)) if rng.random() < 0.1 else int(rule % STATES))
        result.append([int(s * items_per_state + rng.integers(items_per_state)) for s in states])
    return result


def write_domain(root: Path, name: str, rows: list[list[int]], rng: np.random.Generator) -> None:
    """Write an atomic file with disjoint tokens, shuffled lines and timestamps in milliseconds."""
    lines = []
    for user, items in enumerate(rows):
        times = 1_600_000_000_000 + np.cumsum(rng.integers(1, 5_000, len(items)))
        lines += [f"{name}-u{user}\t{name}-i{item}\t{time}" for item, time in zip(items, times, strict=True)]
    rng.shuffle(lines)
    folder = root / name
    folder.mkdir(parents=True)
    text = "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *lines])
    (folder / f"{name}.inter").write_text(text + "\n")


def write_suite(root: Path, seed: int = 0, target_users: int = 40, source_users: int = 300) -> dict[str, list[str]]:
    """Write a target, two friendly sources and a hostile one; return the roles of the domains."""
    rng = np.random.default_rng(seed)
    roles = {"target": ["planted-target"], "friendly": ["planted-a", "planted-b"], "hostile": ["planted-hostile"]}
    for role, names in roles.items():
        for name in names:
            users = target_users if role == "target" else source_users
            write_domain(root, name, sequences(rng, users, 14, 4, role == "hostile"), rng)
    return roles
