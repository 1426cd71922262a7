"""Item vectors of few dimensions, made of what goes with which until some day: new items soon have theirs."""

# Shapes: I items (row 0 is padding), D factors, E pairs.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array, csr_array
from torch import Tensor

Ints = npt.NDArray[np.int32]

_SHIFT = 1.0  # added to the information: pairs that come together as often as by chance count, too
_SMOOTHING = 0.75  # power of popularity, as for the negative samples of word2vec
_POWER_ITERATIONS = 2
_KEPT = 2
_LATE = 2**30  # a day behind all others


class Factors(NamedTuple):
    """Vectors of all items.

    Attributes
    ----------
    inputs, outputs : Tensor, shape (I, D)
        To ask with what somebody had, and to score what may come next; 0 for items of which nothing is known.
    """

    inputs: Tensor
    outputs: Tensor


class LatentFactors:
    """Factors of what goes with which, made anew after some days.

    Vectors of different days are not to be compared: each refresh turns the space.

    Parameters
    ----------
    before, after : int32 array, shape (E,)
        Item ids.
    days : int32 array, shape (E,)
        A pair is known on the days behind this one.
    weights : float array, shape (E,)
    n_items : int
        Size of the catalogue.
    width : int
        Number of factors D.
    refresh : int
        Days from one refresh to the next.
    """

    def __init__(
        self,
        before: Ints,
        after: Ints,
        days: Ints,
        weights: npt.NDArray[np.float64],
        n_items: int,
        width: int,
        refresh: int,
    ) -> None:
        order = np.argsort(days, kind="stable")
        self._days, self._pairs = days[order], (before[order], after[order])
        self._weights = weights[order]
        self.n_items, self.width, self.refresh = n_items, width, refresh
        self._made: dict[int, Factors] = {}

    def on(self, day: int) -> Factors:
        """Return the factors of the last refresh until a day, which know what lies on days before it."""
        refreshed = np.int32(day // self.refresh * self.refresh)  # another type would copy all days
        n_pairs = int(np.searchsorted(self._days, refreshed))
        if n_pairs not in self._made:
            while len(self._made) >= _KEPT:
                del self._made[next(iter(self._made))]
            self._made[n_pairs] = self._factors(n_pairs)
        return self._made[n_pairs]

    def latest(self) -> Factors:
        """Return the factors that know all there is."""
        return self.on(_LATE)

    def keep_latest(self, factors: Factors) -> None:
        """Take over what `latest` returned, which takes long to make.

        Raises
        ------
        ValueError
            If it is of other items or of another width.
        """
        shape = (self.n_items + 1, self.width)
        if any(part.shape != shape for part in factors):
            raise ValueError(f"latent factors must have shape {shape}")
        self._made[len(self._days)] = factors

    def _factors(self, n_pairs: int) -> Factors:
        before, after = (items[:n_pairs] for items in self._pairs)
        inputs, outputs = factorize(
            positive_information(before, after, self._weights[:n_pairs], self.n_items), self.width
        )
        return Factors(torch.from_numpy(inputs), torch.from_numpy(outputs))


def positive_information(before: Ints, after: Ints, weights: npt.NDArray[np.float64], n_items: int) -> csr_array:
    """Measure how much likelier items come with an item than by popularity, by the logarithm, where it is positive.

    Source: Levy and Goldberg, Neural Word Embedding as Implicit Matrix Factorization, NeurIPS 2014; popularity to the
    power of .75 as in their Improving Distributional Similarity, TACL 2015.

    Parameters
    ----------
    before, after : int32 array, shape (E,)
        Pairs of items.
    weights : float array, shape (E,)
    n_items : int

    Returns
    -------
    csr_array, shape (n_items + 1, n_items + 1)
    """
    shape = (n_items + 1, n_items + 1)
    counts = coo_array((weights, (before, after)), shape=shape).tocsr().tocoo()
    of_row = np.bincount(counts.row, counts.data, n_items + 1)
    share = np.bincount(counts.col, counts.data, n_items + 1) ** _SMOOTHING
    share /= max(float(share.sum()), np.finfo(float).tiny)
    lift = counts.data / np.maximum(of_row[counts.row] * share[counts.col], np.finfo(float).tiny)
    information = np.log(np.maximum(lift, np.finfo(float).tiny)) + _SHIFT
    kept = information > 0
    values = information[kept].astype(np.float32)
    return csr_array((values, (counts.row[kept], counts.col[kept])), shape=shape)


def factorize(matrix: csr_array, width: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Factorize a sparse matrix by its largest singular values; the same matrix always gives the same factors.

    Source: Halko, Martinsson, Tropp, Finding Structure with Randomness, SIAM Review 2011, in scikit-learn.

    Parameters
    ----------
    matrix : csr_array, shape (I, I)
    width : int
        Number of factors; where the matrix has fewer rows, the last ones are 0.

    Returns
    -------
    left, right : float32 array, shape (I, width)
        ``left @ right.T`` is close to the matrix.
    """
    left, right = (np.zeros((matrix.shape[0], width), np.float32) for _ in range(2))
    rank = min(width, matrix.shape[0])
    if matrix.nnz:
        from sklearn.utils.extmath import randomized_svd  # takes a second

        u, s, v = randomized_svd(matrix, rank, n_iter=_POWER_ITERATIONS, random_state=0)
        left[:, :rank], right[:, :rank] = u * np.sqrt(s), v.T * np.sqrt(s)
    return left, right
