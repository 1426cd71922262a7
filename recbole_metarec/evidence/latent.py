"""Item vectors of few dimensions, made of what goes with which until some day: new items soon have theirs."""

# Shapes: I items (row 0 is padding), D factors, E pairs.

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array, csr_array
from torch import Tensor

from recbole_metarec.evidence.counted import Pairs

Vectors = npt.NDArray[np.float32]

_SHIFT = 1.0  # added to the information: pairs that come together as often as by chance count, too
_SMOOTHING = 0.75  # power of popularity, as for the negative samples of word2vec
_POWER_ITERATIONS = 2
_OVERSAMPLES = 10
_ANCHOR_DAYS = 56
_PRECISION = 1e-6  # of squares of singular values, in 32 bits
_KEPT = 2  # anchors and days


class Factors(NamedTuple):
    """Vectors of all items.

    Attributes
    ----------
    inputs, outputs : Tensor, shape (I, D)
        To ask with what somebody had, and to score what may come next; 0 for items of which nothing is known.
    """

    inputs: Tensor
    outputs: Tensor


class _Anchor(NamedTuple):
    counts: csr_array
    right: Vectors


class LatentFactors:
    """Factors of what goes with which, for any day.

    They are made from nothing every 56 days and behind the last pair, and by a step of subspace iteration from there on
    the days between. So the factors of a day are the same whatever was asked before; those of different days are not to
    be compared.

    Parameters
    ----------
    fit : callable
        Makes the pairs: the items before and after, the day behind which each is known, and weights, shape (E,) each.
        It is called once, and only if they are needed.
    last_day : int
        No pair lies behind it.
    n_items : int
        Size of the catalogue.
    width : int
        Number of factors D.
    refresh : int
        Days from one refresh to the next.
    """

    def __init__(self, fit: Callable[[], Pairs], last_day: int, n_items: int, width: int, refresh: int) -> None:
        self._fit, self._last_day = fit, last_day
        self.n_items, self.width, self.refresh = n_items, width, refresh
        self._anchors: dict[int, _Anchor] = {}
        self._made: dict[tuple[int, int], Factors] = {}
        self._latest: Factors | None = None

    def on(self, day: int) -> Factors:
        """Return the factors of the last refresh until a day, which know what lies on days before it."""
        refreshed = day // self.refresh * self.refresh
        if refreshed > self._last_day:  # for which no pairs have to be made
            return self.latest()
        last = self._known(refreshed)
        if last == self._n_pairs:
            return self.latest()
        first = min(last, self._known(day // _ANCHOR_DAYS * _ANCHOR_DAYS))
        if (first, last) not in self._made:
            _make_room(self._made)
            self._made[first, last] = self._factors(first, last)
        return self._made[first, last]

    def latest(self) -> Factors:
        """Return the factors that know all there is."""
        if self._latest is None:
            self._latest = self._factors(self._n_pairs, self._n_pairs)
        return self._latest

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
        self._latest = factors

    @property
    def _n_pairs(self) -> int:
        return len(self._by_day.days)

    @cached_property
    def _by_day(self) -> Pairs:
        return self._fit().by_day()

    def _known(self, day: int) -> int:
        return int(np.searchsorted(self._by_day.days, np.int32(day)))  # another type would copy all days

    def _factors(self, first: int, last: int) -> Factors:
        """Make the factors that know the first so many pairs, from those that know fewer."""
        if first not in self._anchors:
            _make_room(self._anchors)
            counts = self._counts(0, first)
            self._anchors[first] = _Anchor(counts, factorize(_information(counts), self.width)[1])
        anchor = self._anchors[first]
        information = _information(anchor.counts + self._counts(first, last))
        left, right = refine(information, anchor.right)
        return Factors(torch.from_numpy(left), torch.from_numpy(right))

    def _counts(self, first: int, last: int) -> csr_array:
        before, after, _, weights = (part[first:last] for part in self._by_day)
        shape = (self.n_items + 1, self.n_items + 1)
        return csr_array(coo_array((weights, (before, after)), shape=shape))


def _make_room(made: dict[Any, Any]) -> None:
    while len(made) >= _KEPT:
        del made[next(iter(made))]


def _information(counts: csr_array) -> csr_array:
    return positive_information(counts, _SHIFT, _SMOOTHING).astype(np.float32)


def positive_information(counts: csr_array, shift: float = 0.0, smoothing: float = 1.0) -> csr_array:
    """Measure how much likelier items come with an item than by popularity, by the logarithm, where it is positive.

    Source: Levy and Goldberg, Neural Word Embedding as Implicit Matrix Factorization, NeurIPS 2014; popularity to a
    power as in Levy, Goldberg, Dagan, Improving Distributional Similarity, TACL 2015.

    Parameters
    ----------
    counts : csr_array, shape (I, I)
        What each pair of items counts; any unit.
    shift : float
        Added to the logarithm.
    smoothing : float
        Power of popularity.

    Returns
    -------
    csr_array, shape (I, I)
    """
    tiny = np.finfo(float).tiny
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    of_row = np.bincount(row, counts.data, counts.shape[0])
    popularity = np.bincount(counts.indices, counts.data, counts.shape[0]) ** smoothing
    lift = counts.data * popularity.sum() / np.maximum(of_row[row] * popularity[counts.indices], tiny)
    information = np.log(np.maximum(lift, tiny)) + shift
    kept = information > 0
    ends = np.concatenate([[0], np.cumsum(kept)])[counts.indptr]
    return csr_array((information[kept], counts.indices[kept], ends), shape=counts.shape)


def factorize(matrix: csr_array, width: int) -> tuple[Vectors, Vectors]:
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


def refine(matrix: csr_array, right: Vectors) -> tuple[Vectors, Vectors]:
    """Factorize a matrix that has changed a little, by one step of subspace iteration.

    Parameters
    ----------
    matrix : csr_array, shape (I, I)
    right : float32 array, shape (I, width)
        Factors of the matrix as it was before; see `factorize`.

    Returns
    -------
    left, right : float32 array, shape (I, width)
    """
    width = right.shape[1]
    # what is new lies outside of what the factors reached
    others = np.random.default_rng(0).standard_normal((len(right), _OVERSAMPLES + int((~right.any(0)).sum())))
    start = np.concatenate([right[:, right.any(0)], others.astype(np.float32)], axis=1)
    basis = _orthonormal(matrix @ start)
    projected = matrix.T @ basis
    squares, turn = np.linalg.eigh(projected.T @ projected)
    squares, turn = squares[::-1][:width], turn[:, ::-1][:, :width]
    real = squares > _PRECISION * squares.max(initial=0)
    roots = np.where(real, squares, 0) ** 0.25
    found = np.zeros_like(right), np.zeros_like(right)
    found[0][:, : len(roots)] = basis @ turn * roots
    found[1][:, : len(roots)] = projected @ turn * real / np.where(real, roots, 1)
    return found


def _orthonormal(vectors: Vectors) -> Vectors:
    """Return a basis of what columns span, by their inner products, at a fraction of the time of a QR."""
    exact = vectors.astype(np.float64)
    squares, turn = np.linalg.eigh(exact.T @ exact)
    real = squares > _PRECISION**2 * squares.max(initial=0)
    basis: Vectors = (exact @ (turn[:, real] / np.sqrt(squares[real]))).astype(np.float32)
    return basis
