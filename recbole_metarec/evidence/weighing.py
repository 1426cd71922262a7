"""How much to trust which evidence in which situation: a log-linear model with a weight for each pair of both.

Trained on interactions that are later than all that is counted for them, first by cross entropy, then on a smooth NDCG.
"""

# Shapes: N rows, M candidates, K kinds of evidence, C kinds of context, I items (row 0 is padding), B requests.

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import pad

from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.asked import NEAR, Asked
from recbole_metarec.evidence.counts import days_of
from recbole_metarec.evidence.kinds import CONTEXT, COUNTED, KINDS
from recbole_metarec.evidence.timed import TimedEvidence

RIDGE, RIDGE_OF_FEW, RIDGE_OF_FEW_TAUGHT, FEW_ROWS = 10.0, 30.0, 100.0, 500
"""Weight of the squared distance to the prior, in rows; with fewer rows than `FEW_ROWS` the second, or the third where
other domains taught the prior."""

# Candidates of a row: those that are best by three simple rules, and some others at random.
_BY_TRANSITIONS, _BY_RECENCY, _BY_FACTORS, _AT_RANDOM = 150, 150, 100, 200
# Share of the interactions that are too old to learn from; of evidence that ends before what it is asked for, more.
_OLDEST, _COUNTED_IF_FROZEN = 0.4, 0.8
_FEWEST_DAYS = 40  # that interactions to learn from are drawn of
_ITERATIONS = 40
_LOG_SCALES = (-4.0, 3.0)
_SOFTNESS = 0.3  # of ranks, in units of scores
_NDCG_SCALE = 20.0  # of a row's smooth NDCG beside its cross entropy


Loss = Callable[["LearningRows", Tensor], Tensor]


class LearningRows(NamedTuple):
    """Interactions to learn from, each among candidates.

    Attributes
    ----------
    features : Tensor, shape (N, K, M)
        Evidence.
    context : Tensor, shape (N, C)
    target : LongTensor, shape (N,)
        Which candidate it was.
    stands_for : Tensor, shape (N, M)
        Number of items that a candidate stands for; 0 for padding.
    """

    features: Tensor
    context: Tensor
    target: Tensor
    stands_for: Tensor

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.target)

    def first(self, n_rows: int) -> LearningRows:
        """Return at most so many of them."""
        return LearningRows(*(part[:n_rows] for part in self))

    def of_kinds(self, kinds: Sequence[int]) -> LearningRows:
        """Return them with some kinds of evidence, by their place."""
        return self._replace(features=self.features[:, list(kinds)])

    @classmethod
    def joined(cls, parts: Sequence[LearningRows]) -> LearningRows:
        """Put rows together; there is at least one part."""
        longest = max(part.features.shape[2] for part in parts)
        padded = [
            part._replace(
                features=pad(part.features, (0, longest - part.features.shape[2])),
                stands_for=pad(part.stands_for, (0, longest - part.stands_for.shape[1])),
            )
            for part in parts
        ]
        return cls(*(torch.cat(columns) for columns in zip(*padded, strict=True)))


def memory_weights(model: bool = False) -> Tensor:
    """Return the weights of the transitions alone, and of a model's score where there is one: the prior of nobody.

    Parameters
    ----------
    model : bool
        Whether a model's score is among the evidence.

    Returns
    -------
    Tensor, shape (K, C)
    """
    weights_KC = torch.zeros(len(KINDS) + model, len(CONTEXT))
    weights_KC[KINDS.index("transitions"), 0] = weights_KC[KINDS.index("popularity"), 0] = 1
    return weights_KC


def later_places(domain: Domain, n_rows: int, seed: int, share: float = _OLDEST) -> npt.NDArray[np.int64]:
    """Draw interactions to learn from: no user's first, and none of the oldest.

    Every day that is asked for costs, so they come from no more days than give so many, and 40 at least; a day is drawn
    by the number of its interactions.

    Parameters
    ----------
    domain : Domain
        With times.
    n_rows : int
        Largest number.
    seed : int
    share : float
        Of the interactions, how many are too old.

    Returns
    -------
    int64 array, shape (n,)
        In rising order.
    """
    assert domain.times is not None
    first = np.zeros(domain.n_interactions, bool)
    first[domain.offsets[:-1][domain.lengths > 0]] = True
    days = days_of(domain.times)
    late = days >= np.quantile(days, share) if len(days) else first
    places = np.flatnonzero(~first & late)
    rng = np.random.default_rng(seed)
    on, counts = np.unique(days[places], return_counts=True)
    order = rng.choice(len(on), len(on), replace=False, p=counts / counts.sum()) if len(on) else on
    n_days = max(_FEWEST_DAYS, int(np.searchsorted(np.cumsum(counts[order]), n_rows)) + 1)
    places = places[np.isin(days[places], on[order[:n_days]])]
    return np.sort(rng.permutation(places)[:n_rows])


def rows_of(
    evidence: TimedEvidence, domain: Domain, n_rows: int, masks_history: bool, frozen: bool, seed: int
) -> LearningRows:
    """Draw interactions of a domain, of which some or all are counted, and collect their evidence.

    Parameters
    ----------
    evidence : TimedEvidence
    domain : Domain
        With times.
    n_rows : int
        Largest number.
    masks_history : bool
        See `draw_rows`.
    frozen : bool
        Whether to learn how to weigh evidence that is not kept up to date: it ends before all interactions are asked.
    seed : int

    Returns
    -------
    LearningRows
    """
    places = later_places(domain, n_rows, seed, _COUNTED_IF_FROZEN if frozen else _OLDEST)
    until = None
    if frozen and domain.times is not None and domain.n_interactions:
        until = float(np.quantile(domain.times, _COUNTED_IF_FROZEN))
    return draw_rows(evidence, domain.requests(places), domain.items[places], masks_history, seed, until=until)


def draw_rows(
    evidence: TimedEvidence,
    requests: Requests,
    targets: npt.NDArray[Any],
    masks_history: bool,
    seed: int,
    scores: Callable[[npt.NDArray[np.int64]], Tensor] | None = None,
    until: float | None = None,
) -> LearningRows:
    """Collect the evidence of interactions among candidates.

    Rows whose target nobody had before are left out, and so are repeats where they are no candidates.

    Parameters
    ----------
    evidence : TimedEvidence
    requests : Requests
    targets : int array, shape (n,)
        What came next.
    masks_history : bool
        Whether what a user had is no candidate.
    seed : int
        Of the candidates at random.
    scores : callable, optional
        Scores of a model for some of the requests, shape (B, I).
    until : float, optional
        See `TimedEvidence.ask`.

    Returns
    -------
    LearningRows
    """
    rng, rows = np.random.default_rng(seed), []
    for asked in evidence.ask(requests, until=until):
        own_BI = None if scores is None else scores(asked.rows).float()
        closed_BI = (~asked.known_I).repeat(len(asked.rows), 1)
        closed_BI[:, 0] = True
        if masks_history:
            closed_BI[asked.history] = True
        wanted = targets[asked.rows]
        kept = np.flatnonzero(~closed_BI[np.arange(len(wanted)), wanted].numpy())
        best = _best(asked, closed_BI)
        for number in kept.tolist():
            target = int(wanted[number])
            items_M, stands_for = _candidates([rule[number] for rule in best], ~closed_BI[number], target, rng)
            features_KM = asked.features_of(number, items_M)
            if own_BI is not None:
                features_KM = torch.cat([features_KM, own_BI[number, items_M][None]])
            place = int((items_M == target).nonzero())
            rows.append((features_KM, asked.context_BC[number], place, stands_for))
    return _pad(rows, len(KINDS) + (scores is not None))


def _best(asked: Asked, closed_BI: Tensor) -> list[Tensor]:
    """Return the items that are best by each of three simple rules, shape (B, n) each; also some that are closed."""
    popularity, recent = (asked.table_KI[COUNTED.index(kind)] for kind in ("popularity", "last 30 days"))
    likely_BI = asked.lift(NEAR) + popularity
    recent_I = recent - asked.table_KI[COUNTED.index("last seen")] / 10
    n_items = len(recent_I)
    likely_Bn = likely_BI.masked_fill_(closed_BI, -torch.inf).topk(min(_BY_TRANSITIONS, n_items)).indices
    recent_n = recent_I.masked_fill(~asked.known_I, -torch.inf).topk(min(_BY_RECENCY, n_items)).indices
    latent_Bn = asked.latent_BI.masked_fill(closed_BI, -torch.inf).topk(min(_BY_FACTORS, n_items)).indices
    return [likely_Bn, recent_n.expand(len(likely_BI), -1), latent_Bn]


def _candidates(best: Sequence[Tensor], open_I: Tensor, target: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return the candidates of a row, and how many items each stands for, shape (M,) each."""
    sure_I = torch.zeros_like(open_I)
    for items_n in best:
        sure_I[items_n] = True
    sure_I &= open_I
    sure_I[target] = True
    others = (open_I & ~sure_I).nonzero().squeeze(1)
    drawn = others[torch.from_numpy(rng.permutation(len(others))[:_AT_RANDOM])]
    sure = sure_I.nonzero().squeeze(1)
    each = len(others) / max(1, len(drawn))
    return torch.cat([sure, drawn]), torch.cat([torch.ones(len(sure)), torch.full((len(drawn),), each)])


def _pad(rows: list[tuple[Tensor, Tensor, int, Tensor]], n_kinds: int) -> LearningRows:
    longest = max((len(stands_for) for *_, stands_for in rows), default=1)
    padded = LearningRows(
        torch.zeros(len(rows), n_kinds, longest),
        torch.zeros(len(rows), len(CONTEXT)),
        torch.zeros(len(rows), dtype=torch.long),
        torch.zeros(len(rows), longest),
    )
    for number, (features_KM, context_C, target, stands_for_M) in enumerate(rows):
        padded.features[number, :, : len(stands_for_M)] = features_KM
        padded.context[number], padded.target[number] = context_C, target
        padded.stands_for[number, : len(stands_for_M)] = stands_for_M
    return padded


def cross_entropy(rows: LearningRows, weights_KC: Tensor) -> Tensor:
    """Compute the loss of each row, shape (N,); a candidate counts as often as there are items that it stands for."""
    scores_NM = scores_of(rows, weights_KC) + rows.stands_for.log()
    return torch.nn.functional.cross_entropy(scores_NM, rows.target, reduction="none")


def scaled_cross_entropy(rows: LearningRows, weights_KC: Tensor) -> float:
    """Compute the mean loss at the scale of the scores that suits the rows best.

    Weights that were learnt for ranks have any scale, which says nothing of how well they rank.
    """
    scores_NM = scores_of(rows, weights_KC)
    log_NM = rows.stands_for.log()

    def loss(log_scale: float) -> float:
        scaled_NM = scores_NM * math.exp(log_scale) + log_NM
        return float(torch.nn.functional.cross_entropy(scaled_NM, rows.target))

    return float(minimize_scalar(loss, bounds=_LOG_SCALES, method="bounded", options={"xatol": 0.01}).fun)


def smooth_ndcg(rows: LearningRows, weights_KC: Tensor) -> Tensor:
    """Compute the NDCG of each row, of which the rank is smooth, shape (N,).

    The rank is ``sum_j sigmoid((s_j - s_target) / t)`` (Qin, Liu, Li, A General Approximation Framework for Direct
    Optimization of Information Retrieval Measures, Information Retrieval 2010).
    """
    scores_NM = scores_of(rows, weights_KC)
    ahead_NM = torch.sigmoid((scores_NM - scores_NM.gather(1, rows.target[:, None])) / _SOFTNESS)
    rank_N = (ahead_NM * rows.stands_for).sum(1) - 0.5  # its own half
    return 1 / torch.log2(2 + rank_N)


def scores_of(rows: LearningRows, weights_KC: Tensor) -> Tensor:
    """Weigh the evidence of all candidates by its context, shape (N, M)."""
    return torch.bmm((rows.context @ weights_KC.T)[:, None], rows.features)[:, 0]


def learn_weights(parts: Sequence[tuple[LearningRows, float]], prior_KC: Tensor, ridge: float | None = None) -> Tensor:
    """Learn weights by L-BFGS: by cross entropy first, then on the smooth NDCG.

    Cross entropy alone gains likelihood, and may lose ranks; the smooth NDCG alone has no slope where nothing is right.

    Parameters
    ----------
    parts : sequence of (LearningRows, float)
        Rows, and what each of them counts.
    prior_KC : Tensor, shape (K, C)
        Where weights stay without rows.
    ridge : float, optional
        Weight of half the squared distance to it; see `ridge_of`.

    Returns
    -------
    Tensor, shape (K, C)
    """
    parts = [(rows, share) for rows, share in parts if rows.size and share > 0]
    n_rows = sum(rows.size for rows, _ in parts)
    ridge = ridge_of(n_rows) if ridge is None else ridge
    weights_KC = prior_KC.clone()
    if parts:
        for loss in (cross_entropy, _ndcg_loss):
            weights_KC = _minimize(loss, parts, weights_KC, prior_KC, ridge)
    return weights_KC


def relearn_weights(rows: LearningRows, start_KC: Tensor, prior_KC: Tensor, iterations: int) -> Tensor:
    """Learn weights on from where they are good, on the smooth NDCG alone; see `learn_weights`."""
    return _minimize(_ndcg_loss, [(rows, 1.0)], start_KC, prior_KC, ridge_of(rows.size), iterations)


def ridge_of(n_rows: int, taught: bool = False) -> float:
    """Return what the squared distance to a prior weighs; few rows say less where other domains taught it."""
    of_few = RIDGE_OF_FEW_TAUGHT if taught else RIDGE_OF_FEW
    return RIDGE if n_rows >= FEW_ROWS else of_few


def _ndcg_loss(rows: LearningRows, weights_KC: Tensor) -> Tensor:
    return -_NDCG_SCALE * smooth_ndcg(rows, weights_KC)


@torch.enable_grad()
def _minimize(
    loss: Loss,
    parts: Sequence[tuple[LearningRows, float]],
    start_KC: Tensor,
    prior_KC: Tensor,
    ridge: float,
    iterations: int = _ITERATIONS,
) -> Tensor:
    weights_KC = start_KC.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([weights_KC], max_iter=iterations, history_size=20, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        total: Tensor = ridge / 2 * (weights_KC - prior_KC).square().sum()
        for rows, share in parts:
            total = total + share * loss(rows, weights_KC).sum()
        total.backward()
        return total

    optimizer.step(closure)
    return weights_KC.detach()
