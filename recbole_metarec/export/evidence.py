"""What a model knows without its encoder, as arrays and a few numbers."""

# Shapes: I items (row 0 is padding), E entries.

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.evidence.kinds import CONTEXT, KINDS
from recbole_metarec.evidence.snapshot import Snapshot, memory_rows
from recbole_metarec.evidence.timed import FACTOR_DECAY, HOT_DAYS, counted_day
from recbole_metarec.evidence.weights import MODEL
from recbole_metarec.inference.scorer import Scorer

Arrays = dict[str, npt.NDArray[Any]]


def evidence_arrays(scorer: Scorer, day: int) -> tuple[dict[str, Any], Arrays]:
    """Return all that evidence says on a day.

    Parameters
    ----------
    scorer : Scorer
    day : int
        Since 1970 (UTC). What knows the clock counts what lies on days before it.

    Returns
    -------
    about : dict
        Plain values: ``kind`` (``timed``, ``memory`` or ``none``), weights and settings.
    arrays : dict of str to array
        By name. ``closed`` are items that are never recommended, since nobody had them before the day.
    """
    evidence = scorer.evidence
    about, arrays = _of_kind(evidence, day)
    closed = np.zeros(0, np.int64) if scorer.first_days is None else np.flatnonzero(scorer.first_days >= day)
    about["repeat_penalty"] = _plain(evidence.weights.repeat_penalty)
    return about, {**arrays, "closed": closed}


def _of_kind(evidence: Evidence, day: int) -> tuple[dict[str, Any], Arrays]:
    timed, memory, weights = evidence.timed, evidence.memory, evidence.weights
    if timed is not None and weights.timed is not None:
        counted = counted_day(day, evidence.until)
        settings = timed.settings
        about = {
            "kind": "timed",
            "counted_day": counted,
            "out_of_date": math.log1p(day - counted) / 3,
            "kinds": [*KINDS, MODEL][: len(weights.timed.weights)],
            "context": list(CONTEXT),
            "weights": weights.timed.weights.tolist(),
            "decay": settings.memory_decay,
            "lately": settings.memory_depth,
            "depth": settings.evidence_depth,
            "factor_decay": FACTOR_DECAY,
            "hot_days": HOT_DAYS,
        }
        return about, Snapshot.of(timed, counted).arrays()
    if memory is not None and weights.memory_weight != 0:
        about = {
            "kind": "memory",
            "weight": _plain(weights.memory_weight),
            "decay": memory.decay,
            "depth": memory.depth,
        }
        return about, {"share": memory.popularity.cpu().numpy(), **memory_rows(memory).arrays("transitions")}
    return {"kind": "none"}, {}


def _plain(weight: float) -> float | str:
    """Return a weight as JSON can hold it."""
    return "infinity" if math.isinf(weight) else weight
