"""Finished runs on disk: one file each, never computed twice."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recbole_metarec.evaluation.ranking import Ranks
from recbole_metarec.files import write_text


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
    ranks = {
        protocol: base64.b64encode(zlib.compress(found.astype(np.uint8).tobytes(), 9)).decode()
        for protocol, found in outcome.ranks.items()
    }
    write_text(key.path(store), [json.dumps({**outcome.facts, "ranks": ranks}, indent=1)])


def load(store: Path, key: Key) -> Outcome | None:
    """Read a run; ``None`` if it was never finished."""
    path = key.path(store)
    if not path.exists():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    ranks = {
        protocol: np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).astype(np.int64)
        for protocol, text in facts.pop("ranks").items()
    }
    return Outcome(ranks, facts)
