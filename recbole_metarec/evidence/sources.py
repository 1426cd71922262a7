"""Weights of evidence that other domains teach, each pulling as much as its own weights suit the target."""

# Shapes: K kinds of evidence, C kinds of context.

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recbole_metarec.domains.domain import Domain
from recbole_metarec.evidence.timed import TimedEvidence
from recbole_metarec.evidence.weighing import (
    LearningRows,
    learn_weights,
    memory_weights,
    rows_of,
    scaled_cross_entropy,
)
from recbole_metarec.settings.evidence import EvidenceSettings

# Bisections to thin a source; a domain that is thinned to less than half gives the interactions of all its users to
# learn from, and is thinned anew, so often at most, until there are enough of them.
_BISECTIONS, _DRAWS, _ASKED_IF_FEW = 12, 4, 3
_FEWEST_USERS = 20
# Rows of a source: so many at least, and of all sources together so many times those of the target.
_FEWEST_ROWS, _ROWS_OF_ALL = 300, 3
# Rows that a target has before its loss with a source's weights says something, and what a nat more of it costs.
_ROWS_THAT_TELL, _SHARPNESS = 30, 5.0


class SourceWeights(NamedTuple):
    """What sources teach.

    Attributes
    ----------
    weights : Tensor, shape (K, C)
        Learnt on all of them.
    of_each : dict of str to Tensor, shape (K, C)
        Learnt on one of them, by its name.
    pulls : dict of str to float
        What a row of each counted; they sum to 1.
    """

    weights: Tensor
    of_each: dict[str, Tensor]
    pulls: dict[str, float]


def density(domain: Domain) -> float:
    """Return the number of interactions for each item that has any."""
    return domain.n_interactions / max(1, len(np.unique(domain.items)))


def thinned(domain: Domain, wanted: float, seed: int) -> Domain:
    """Leave out users at random until a domain is no denser than is wanted; see `density`."""
    if density(domain) <= wanted:
        return domain
    order = np.random.default_rng(seed).permutation(domain.n_sequences)
    lowest, highest = 1e-4, 1.0
    for _ in range(_BISECTIONS):
        share = float(np.sqrt(lowest * highest))
        lowest, highest = (share, highest) if density(_of_users(domain, order, share)) < wanted else (lowest, share)
    return _of_users(domain, order, highest)


def _of_users(domain: Domain, order: npt.NDArray[np.int64], share: float) -> Domain:
    chosen = np.zeros(domain.n_sequences, bool)
    chosen[order[: max(_FEWEST_USERS, int(share * len(order)))]] = True
    return domain.of(np.repeat(chosen, domain.lengths))


def rows_of_source(
    source: Domain, wanted: float, settings: EvidenceSettings, most: int, masks_history: bool, seed: int
) -> LearningRows:
    """Collect interactions of a source to learn from, told by evidence that is no denser than the target's.

    Parameters
    ----------
    source : Domain
        With times, and nothing of a time that the target does not know yet.
    wanted : float
        Density of the target.
    settings : EvidenceSettings
    most : int
        Largest number of rows.
    masks_history : bool
        Whether what a user had is no candidate.
    seed : int

    Returns
    -------
    LearningRows
    """
    parts: list[LearningRows] = []
    for draw in range(_DRAWS):
        known = thinned(source, wanted, seed + draw)
        few = known.n_interactions < source.n_interactions / 2
        asked = source if few else known
        left = most - sum(part.size for part in parts)
        n_rows = left * (_ASKED_IF_FEW if few else 1)  # many targets are of items that nobody known had
        evidence = TimedEvidence.fit(known, settings)
        rows = rows_of(evidence, asked, n_rows, masks_history, settings.evidence_frozen, seed + draw)
        parts.append(rows.first(left))
        if known is source or parts[-1].size == left:
            break
    return LearningRows.joined(parts)


def learn_on_sources(
    target: Domain,
    own: LearningRows | None,
    sources: Sequence[Domain],
    settings: EvidenceSettings,
    masks_history: bool,
    seed: int,
) -> SourceWeights | None:
    """Learn weights on sources.

    Each is thinned to the target's density, since what is trusted hangs on how much there is of it, and cut off where
    the target's training part ends. Where the target has interactions of its own, a source pulls the less, the larger
    their loss with its weights is beside that with the best source's.

    Parameters
    ----------
    target : Domain
        Its training part.
    own : LearningRows, optional
        Its interactions to compare by; without them all sources pull alike.
    sources : sequence of Domain
        Those without times teach nothing.
    settings : EvidenceSettings
    masks_history : bool
    seed : int

    Returns
    -------
    SourceWeights, or None
        ``None`` if no source teaches anything.
    """
    rows: dict[str, LearningRows] = {}
    wanted = density(target)
    share = _ROWS_OF_ALL * settings.evidence_rows // max(1, len(sources))
    most = min(settings.evidence_rows, max(_FEWEST_ROWS, share))
    end = np.inf if target.times is None or not len(target.times) else target.times.max()
    for source in sources:
        if source.times is not None:
            known = source.of(source.times <= end)
            found = rows_of_source(known, wanted, settings, most, masks_history, seed)
            if found.size:
                rows[source.name] = found
    if not rows:
        return None
    of_each = {name: learn_weights([(found, 1.0)], memory_weights()) for name, found in rows.items()}
    losses = torch.zeros(len(rows))
    if own is not None and own.size >= _ROWS_THAT_TELL:
        losses = torch.tensor([scaled_cross_entropy(own, weights) for weights in of_each.values()])
    pulls = dict(zip(rows, torch.softmax(-_SHARPNESS * losses, 0).tolist(), strict=True))
    weights = learn_weights([(found, pulls[name]) for name, found in rows.items()], memory_weights())
    return SourceWeights(weights, of_each, pulls)
