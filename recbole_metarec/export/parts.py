"""The parts of an export: what each is, the libraries that it needs, and which of them a model has."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recbole_metarec.errors import UserError, nearest

if TYPE_CHECKING:
    from recbole_metarec.inference.recommender import Recommender


@dataclass(frozen=True)
class Part:
    """A part of an export.

    Parameters
    ----------
    help : str
        Its files and what they are.
    libraries : tuple of str
        Modules without which it cannot be made.
    lack : callable
        Why a model has no such part; empty if it has one.
    """

    help: str
    libraries: tuple[str, ...] = ()
    lack: Callable[[Recommender], str] = lambda rec: ""

    def missing(self) -> list[str]:
        """Return the libraries that are not installed."""
        return [library for library in self.libraries if importlib.util.find_spec(library) is None]


def _encoder(rec: Recommender) -> str:
    return "" if rec.scorer.encoder.parts else "the model has no encoder, evidence is all that scores"


def _codes(rec: Recommender) -> str:
    return "" if rec.section.codes is not None else "the model has no quantizer, which would give its items codes"


def _index(rec: Recommender) -> str:
    alone = rec.scorer.evidence.weights.memory_weight == math.inf
    return _encoder(rec) or ("the memory alone scores, which needs no index" if alone else "")


PARTS: dict[str, Part] = {
    "encoder": Part("encoder.onnx, from item vectors to states", ("onnx", "onnxscript"), _encoder),
    "items": Part("items.npz and .parquet, vectors to read sequences with and to score states against"),
    "codes": Part("codes.npz and .parquet, the semantic ids of items", (), _codes),
    "evidence": Part("evidence.npz, what is known by counting on the day of --at"),
    "index": Part("index.usearch, neighbours by all of the scores that is no sparse sum", ("usearch",), _index),
    "hub": Part("the checkpoint itself and README.md, its card"),
}
"""The parts by name."""


def check_names(names: Sequence[str]) -> None:
    """Refuse names of parts that are none.

    Raises
    ------
    UserError
        A line for each.
    """
    known = f"; write some of {', '.join(PARTS)}"
    unknown = [name for name in names if name not in PARTS] or [""] * (not names)
    if unknown:
        raise UserError([f"--what={name}: is no part of an export{nearest(name, PARTS) or known}" for name in unknown])


def choose(rec: Recommender, names: Sequence[str] | None) -> list[str]:
    """Return the parts that are asked for; by default all that the model has and that libraries are there for.

    Raises
    ------
    UserError
        If one that is asked for cannot be made: a line for each.
    """
    if names is None:
        return [name for name, part in PARTS.items() if not part.lack(rec) and not part.missing()]
    problems = []
    for name in dict.fromkeys(names):
        lack, missing = PARTS[name].lack(rec), PARTS[name].missing()
        if lack:
            problems.append(f"--what={name}: {lack}; leave it out")
        elif missing:
            libraries = " and ".join(missing)
            problems.append(f"--what={name}: needs {libraries}; pip install 'recbole-metarec[export]'")
    if problems:
        raise UserError(problems)
    return [*dict.fromkeys(names)]
