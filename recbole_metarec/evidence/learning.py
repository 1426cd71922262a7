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
from recbole_metarec.evidence.situations import situations
from recbole_metarec.evidence.sources import SourceWeights, learn_on_sources
from recbole_metarec.evidence.timed import CONTEXT, KINDS
from recbole_metarec.evidence.weighing import MODEL, draw_rows, learn_weights, memory_weights, rows_of
from recbole_metarec.evidence.weights import Weighing
from recbole_metarec.evidence.worth import Worth, measure_worth
from recbole_metarec.settings.evidence import EvidenceSettings


class Scored(NamedTuple):
    """Interactions that a model was not trained on, and its scores.

    Attributes
    ----------
    requests : Requests
    targets : int array, shape (n,)
        What came next.
    scores : callable
        Maps some of the requests to the model's scores, shape (B, I).
    """

    requests: Requests
    targets: npt.NDArray[np.int64]
    scores: Callable[[npt.NDArray[np.int64]], Tensor]


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
    scored: Scored | None,
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
    scored : Scored, optional
        Of a model, beside whose scores evidence is weighed.
    seed : int

    Returns
    -------
    Learnt
    """
    timed = evidence.timed
    assert timed is not None
    masks = masks_history or evidence.weights.repeat_penalty == math.inf
    frozen, asked = settings.evidence_frozen, settings.evidence_weights
    own = rows_of(timed, target, settings.evidence_rows, masks, frozen, seed)
    taught = None if asked in ("own", "memory") else learn_on_sources(target, own, sources, settings, masks, seed)
    weights_KC, n_rows = (memory_weights() if taught is None else taught.weights), 0
    rows, prior_KC = own, None
    if asked in ("auto", "own"):
        prior_KC = weights_KC
        weights_KC, n_rows = learn_weights([(own, 1.0)], prior_KC), own.size
    if scored is not None:
        rows = draw_rows(timed, scored.requests, scored.targets, masks, seed, scored.scores, evidence.until)
        prior_KC = torch.cat([weights_KC, torch.zeros(1, weights_KC.shape[1])])
        prior_KC[-1, 0] = 0.0 if rows.size else 1.0  # an equal say, where nothing tells
        weights_KC, n_rows = learn_weights([(rows, 1.0)], prior_KC), n_rows + rows.size
    evidence.weights = evidence.weights._replace(timed=Weighing(weights_KC))
    worth = measure_worth(rows, prior_KC) if settings.evidence_worth and prior_KC is not None else None
    return Learnt(weights_KC, taught, n_rows, situations((rows if rows.size else own).context), worth)
