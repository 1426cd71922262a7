"""The weights of evidence that knows the clock: learnt on sources, then on the target, then beside a model's scores."""

# Shapes: B requests, K kinds of evidence, C kinds of context, I items (row 0 is padding).

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.evidence.kinds import CONTEXT, KINDS
from recbole_metarec.evidence.lessons import lessons
from recbole_metarec.evidence.situations import situations
from recbole_metarec.evidence.sources import SourceWeights
from recbole_metarec.evidence.weighing import LearningRows, draw_rows, learn_weights, memory_weights, ridge_of
from recbole_metarec.evidence.weights import MODEL, Weighing
from recbole_metarec.evidence.worth import Worth, measure_worth
from recbole_metarec.settings.evidence import EvidenceSettings


class HeldOut(NamedTuple):
    """Interactions that a model was not trained on.

    Attributes
    ----------
    requests : Requests
    targets : int array, shape (n,)
        What came next.
    scores : callable, optional
        Maps some of the requests to the model's scores, shape (B, I); without it evidence is alone.
    """

    requests: Requests
    targets: npt.NDArray[np.int64]
    scores: Callable[[npt.NDArray[np.int64]], Tensor] | None = None


class Learnt(NamedTuple):
    """Where weights come from.

    Attributes
    ----------
    weights : Tensor, shape (K, C)
        Those that count.
    sources : SourceWeights, or None
        What the sources taught.
    n_rows : int
        Interactions of the target that they were learnt on.
    situations : dict of str to list of float
        The context of requests as the target has them; see `situations`.
    worth : Worth, or None
        What each kind of evidence was worth, on the rows that the weights were learnt on last, if they were and if it
        is measured.
    """

    weights: Tensor
    sources: SourceWeights | None
    n_rows: int
    situations: dict[str, list[float]]
    worth: Worth | None

    def plain(self) -> dict[str, Any]:
        """Return it as plain values, with the names of evidence and context."""
        pulls, of_each = ({}, {}) if self.sources is None else (self.sources.pulls, self.sources.of_each)
        return {
            "kinds": [*KINDS, MODEL][: len(self.weights)],
            "context": list(CONTEXT),
            "weights": self.weights.tolist(),
            "n_rows": self.n_rows,
            "situations": self.situations,
            "sources": {name: {"pull": pull, "weights": of_each[name].tolist()} for name, pull in pulls.items()},
            "worth": None if self.worth is None else self.worth._asdict(),
        }


def learn_weighing(
    evidence: Evidence,
    target: Domain,
    sources: Sequence[Domain],
    settings: EvidenceSettings,
    masks_history: bool,
    held_out: HeldOut | None,
    seed: int,
) -> Learnt:
    """Give evidence that knows the clock its weights.

    Parameters
    ----------
    evidence : Evidence
        It is changed.
    target : Domain
        The training part.
    sources : sequence of Domain
    settings : EvidenceSettings
        ``evidence_weights`` says what is learnt from.
    masks_history : bool
        Whether what a user had is no candidate.
    held_out : HeldOut, optional
        The target's validation part. A model's score, which fits what it was trained on, is weighed on it alone.
    seed : int

    Returns
    -------
    Learnt
    """
    timed = evidence.timed
    assert timed is not None
    masks = masks_history or evidence.weights.repeat_penalty == math.inf
    asked = settings.evidence_weights
    rows, taught = lessons(timed, target, sources, settings, masks, seed)
    own = [rows]
    later = None
    if held_out is not None and (held_out.scores is not None or asked in ("auto", "own")):
        later = draw_rows(
            timed, held_out.requests, held_out.targets, masks, seed, held_out.scores, until=evidence.until
        )
    if later is not None and evidence.alone:
        own.append(later)
    prior_KC = memory_weights() if taught is None else taught.weights
    weights_KC, rows, n_rows = prior_KC, LearningRows.joined(own), 0
    if asked in ("auto", "own"):
        ridge = ridge_of(rows.size, taught is not None)
        weights_KC, n_rows = learn_weights([(rows, 1.0)], prior_KC, ridge), rows.size
    if not evidence.alone:
        prior_KC = torch.cat([weights_KC, torch.zeros(1, weights_KC.shape[1])])
        if later is None or not later.size:
            prior_KC[-1, 0] = 1.0  # an equal say, where nothing tells
            weights_KC = prior_KC
        else:
            weights_KC, rows = learn_weights([(later, 1.0)], prior_KC), later
            n_rows += later.size
    evidence.weights = evidence.weights._replace(timed=Weighing(weights_KC))
    measures = settings.evidence_worth and len(prior_KC) == rows.features.shape[1] and n_rows > 0
    worth = measure_worth(rows, prior_KC) if measures else None
    return Learnt(weights_KC, taught, n_rows, situations(rows.context), worth)
