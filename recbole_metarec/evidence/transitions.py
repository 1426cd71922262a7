"""Which items follow which in a domain's own sequences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

from recbole_metarec.domains.domain import Domain

Floats = npt.NDArray[np.float32]


class Transitions(NamedTuple):
    """Probability that an item is the next one, by the item before it.

    Of item ``i``'s row, ``1 - background[i]`` is shared out as ``known`` says, the rest by ``popularity``.

    Attributes
    ----------
    known : csr_array, shape (n_items + 1, n_items + 1)
        Row 0 (padding) and rows of items without a neighbour are empty.
    background : float32 array, shape (n_items + 1,)
        1 where a row is empty.
    popularity : float32 array, shape (n_items + 1,)
        Sums to 1; that of padding is 0, all others are positive.
    """

    known: csr_array
    background: Floats
    popularity: Floats


class TransitionCounts(NamedTuple):
    """What transition probabilities are made of; counts of several parts of the data add up.

    Attributes
    ----------
    counts : csr_array, shape (n_items + 1, n_items + 1)
        See `count_transitions`.
    had : int64 array, shape (n_items + 1,)
        Interactions of each item.
    """

    counts: csr_array
    had: npt.NDArray[np.int64]

    @classmethod
    def fit(
        cls, domain: Domain, reach: int, backward: float, new: npt.NDArray[np.bool_] | None = None
    ) -> TransitionCounts:
        """Count a domain; of its interactions only some are ``new``, shape (n_interactions,), if others are known."""
        had = np.bincount(domain.items if new is None else domain.items[new], minlength=domain.n_items + 1)
        return cls(count_transitions(domain, reach, backward, new), had)

    def and_also(self, others: TransitionCounts) -> TransitionCounts:
        """Return the sums; ``others`` may know more items."""
        size = len(others.had)
        grown = self.counts.copy()
        grown.resize((size, size))
        had = others.had.copy()
        had[: len(self.had)] += self.had
        return TransitionCounts(csr_array(grown + others.counts), had)

    def probabilities(self, smoothing: float) -> Transitions:
        """Estimate transition probabilities; see `transitions`."""
        totals = self.counts.sum(axis=1) + smoothing
        shares = self.counts.data / np.repeat(totals, np.diff(self.counts.indptr))
        known = csr_array((shares.astype(np.float32), self.counts.indices, self.counts.indptr), shape=self.counts.shape)
        popularity = self.had + 1.0  # no item is impossible
        popularity[0] = 0
        return Transitions(
            known, (smoothing / totals).astype(np.float32), (popularity / popularity.sum()).astype(np.float32)
        )


def count_transitions(
    domain: Domain, reach: int, backward: float, new: npt.NDArray[np.bool_] | None = None
) -> csr_array:
    """Count which items follow which, those nearby more than those far away.

    Parameters
    ----------
    domain : Domain
    reach : int
        Largest distance of two items that count, at least 1. A pair ``g`` places apart counts ``1 / g``.
    backward : float
        What a pair counts in the other direction, as a share.
    new : bool array, shape (n_interactions,), optional
        Only pairs whose later interaction is among these.

    Returns
    -------
    csr_array, shape (n_items + 1, n_items + 1)
        Entry (i, j): weighted count of j behind i.
    """
    shape = (domain.n_items + 1, domain.n_items + 1)
    forward = csr_array(shape, dtype=np.float64)
    for gap, (earlier, later) in enumerate(domain.pairs(reach, new), 1):
        forward += coo_array((np.full(len(earlier), 1 / gap), (earlier, later)), shape=shape).tocsr()
    counts = csr_array(forward + backward * forward.T)
    counts.eliminate_zeros()
    return counts


def transitions(domain: Domain, reach: int, backward: float, smoothing: float) -> Transitions:
    """Estimate transition probabilities, smoothed by popularity.

    The smoothing is Dirichlet's prior around the items' popularity (Zhai and Lafferty, A Study of Smoothing Methods for
    Language Models Applied to Ad Hoc Information Retrieval, SIGIR 2001).

    Parameters
    ----------
    domain : Domain
    reach, backward
        See `count_transitions`.
    smoothing : float
        Weight of the popularity, in counts; positive.

    Returns
    -------
    Transitions
    """
    return TransitionCounts.fit(domain, reach, backward).probabilities(smoothing)


def share_of_repeats(domain: Domain) -> float:
    """Measure how often an item was in its sequence before.

    Parameters
    ----------
    domain : Domain

    Returns
    -------
    float
        Share of the interactions, a sequence's first left out.
    """
    sequence = np.repeat(np.arange(domain.n_sequences), domain.lengths)
    distinct = len(np.unique(sequence * (domain.n_items + 1) + domain.items))
    later = domain.n_interactions - int(np.count_nonzero(domain.lengths))
    return (domain.n_interactions - distinct) / later if later else 0.0
