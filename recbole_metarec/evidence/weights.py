"""How much evidence counts in the scores, and what its weights are chosen from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from typing_extensions import Self

from recbole_metarec.evidence.kinds import CONTEXT, KINDS

MODEL = "model"
"""Name of a backbone's score among the kinds of evidence; it stands last."""

_UNNAMED = tuple(kind for kind in KINDS if kind != "latent factors")

# Relative to the scores' own weight. The first ends with what is learnt alone and the memory alone, so that nothing
# lies beyond.
MEMORY_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, math.inf)
REPEAT_PENALTIES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, math.inf)


@dataclass(frozen=True, eq=False)
class Weighing:
    """Weights of evidence that knows the clock.

    Attributes
    ----------
    weights : Tensor, shape (K, C)
        Of each kind of evidence in each kind of context; the model's own score is the last kind, if it is one.
    """

    weights: Tensor


class EvidenceWeights(NamedTuple):
    """Weights of what is joined to the scores.

    Attributes
    ----------
    memory_weight : float
        Of the memory's log probabilities; infinite where they are all that counts.
    repeat_penalty : float
        What items of the sequence lose; infinite where nothing is recommended again.
    timed : Weighing, optional
        Of evidence that knows the clock, which then stands in the place of the memory.
    """

    memory_weight: float
    repeat_penalty: float
    timed: Weighing | None = None

    def plain(self) -> dict[str, Any]:
        """Return them as plain values; see `of`."""
        timed = None
        if self.timed is not None:
            weights = self.timed.weights.tolist()
            timed = dict(zip([*KINDS, MODEL][: len(weights)], weights, strict=True))
        return {**self._asdict(), "timed": timed}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Take what `plain` returned; kinds of evidence that it does not name count nothing.

        Raises
        ------
        KeyError
            If a weight is missing.
        """
        timed = plain.get("timed")
        if isinstance(timed, list):  # as it was written while kinds had no names
            timed = dict(zip([*_UNNAMED, MODEL], timed, strict=False))
        weighing = None
        if timed is not None:
            kinds = [*KINDS, MODEL] if MODEL in timed else KINDS
            none = [0.0] * len(CONTEXT)
            weighing = Weighing(torch.tensor([timed.get(kind, none) for kind in kinds], dtype=torch.float32))
        return cls(plain["memory_weight"], plain["repeat_penalty"], weighing)


def from_one(weight: float) -> float:
    """Return how far a weight is from 1 on a scale of ratios; the memory alone and no memory are farthest."""
    return abs(math.log(weight)) if 0 < weight < math.inf else math.inf


def memory_grid() -> list[float]:
    """Return the weights of the memory to choose from, the one nearest to that of what is learnt first."""
    return sorted(MEMORY_WEIGHTS, key=from_one)


def repeat_grid(weights: EvidenceWeights) -> list[float]:
    """Return the penalties of repeats to choose from, the one nearest to the present one first.

    They grow with the scores, to which a memory of some weight has been joined.
    """
    scale = 1 + weights.memory_weight if math.isfinite(weights.memory_weight) else 1.0
    return sorted({penalty * scale for penalty in REPEAT_PENALTIES}, reverse=weights.repeat_penalty > 0)
