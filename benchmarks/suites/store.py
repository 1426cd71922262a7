"""Finished runs on disk: one file each, never computed twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from recbole_metarec.comparison.store import pack_ranks, unpack_ranks
from recbole_metarec.evaluation.targets import Ranks
from recbole_metarec.files import write_text

# Ranks up to 10 fit a byte.
KIND = "u1"


class Key(NamedTuple):
    """What names a run."""

    suite: str
    users: float
    variant: str
    seed: int

    def path(self, store: Path) -> Path:
        """File of the run."""
        return store / self.suite / f"users-{self.users:g}" / f"{self.variant}-{self.seed}.json"


class Outcome(NamedTuple):
    """A finished run.

    Attributes
    ----------
    ranks : dict of str to int array, shape (n_users,)
        ``masked`` and ``unmasked``: test ranks up to 10, 0 below.
    facts : dict
        Everything else: ``valid``, ``epochs``, ``stopped``, ``cpu_seconds``, ``source_weights``, ``settings``, …
    """

    ranks: dict[str, Ranks]
    facts: dict[str, Any]


def save(store: Path, key: Key, outcome: Outcome) -> None:
    """Write a run, whole or not at all."""
    ranks = {protocol: pack_ranks(found, KIND) for protocol, found in outcome.ranks.items()}
    write_text(key.path(store), [json.dumps({**outcome.facts, "ranks": ranks}, indent=1)])


def load(store: Path, key: Key) -> Outcome | None:
    """Read a run; ``None`` if it was never finished."""
    path = key.path(store)
    if not path.exists():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    ranks = {protocol: unpack_ranks(text, KIND) for protocol, text in facts.pop("ranks").items()}
    return Outcome(ranks, facts)
