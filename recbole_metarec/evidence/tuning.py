"""The choice of the weights of evidence, on validation."""

# Shapes: V trials, N rows.

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.evaluation.choice import simplest_as_good
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.evidence.weights import EvidenceWeights, memory_grid, repeat_grid
from recbole_metarec.settings.evidence import EvidenceSettings


class Trial(NamedTuple):
    """What validation finds with some weights.

    Attributes
    ----------
    score : float
        The larger the better.
    values : float array, shape (N,), or None
        The score of each row; ``None`` where it is no mean over rows.
    users : int array, shape (N,), or None
        Number of the user of each row.
    """

    score: float
    values: npt.NDArray[np.float64] | None
    users: npt.NDArray[np.int64] | None


Look = Callable[[Sequence[EvidenceWeights]], Sequence[Trial]]
"""Validates with one set of weights after the other."""


def tune(evidence: Evidence, settings: EvidenceSettings, masks_history: bool, look: Look | None) -> None:
    """Give evidence its weights: those that are asked for, or for ``auto`` what validation says.

    Of a grid the first is taken that is within one standard error of the best; where the score is no mean over rows,
    the best; without validation, the first.

    Parameters
    ----------
    evidence : Evidence
        It is changed.
    settings : EvidenceSettings
    masks_history : bool
        Whether earlier items are no candidates, so that a penalty of repeats has nothing to do.
    look : callable, optional
        See `Look`; without it there is no validation.
    """
    for grid in _grids(evidence, settings, masks_history):
        evidence.weights = grid[0 if look is None else _choose(look(grid))]


def _grids(evidence: Evidence, settings: EvidenceSettings, masks_history: bool) -> Iterator[list[EvidenceWeights]]:
    """List the weights to try, one weight at a time, beside those that have been chosen by then."""
    asked = settings.memory_weight
    if evidence.memory is not None and not evidence.alone:
        values = memory_grid() if asked == "auto" else [float(asked)]
        yield [evidence.weights._replace(memory_weight=value) for value in values]
    if settings.repeat_items == "auto" and not masks_history:
        yield [evidence.weights._replace(repeat_penalty=value) for value in repeat_grid(evidence.weights)]


def _choose(trials: Sequence[Trial]) -> int:
    values = [trial.values for trial in trials if trial.values is not None]
    users = trials[0].users
    if users is not None and len(values) == len(trials):
        return simplest_as_good(np.stack(values), users)
    return max(range(len(trials)), key=lambda number: trials[number].score)
