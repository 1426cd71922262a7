"""Which items went with which until a day: single pairs by their days, and their sums behind the last of them."""

# Shapes: Q items asked for, V ways of weighing, I items (row 0 is padding), E pairs.

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array
from torch import Tensor
from typing_extensions import Self

Ints = npt.NDArray[np.int32]
Ids = npt.NDArray[np.int64]
_DAYS = 2**22  # more than a domain can span, so that item and day make one number


class SummedPairs(NamedTuple):
    """Weighted pairs of items, each pair once, that are all known.

    Attributes
    ----------
    begins : LongTensor, shape (I + 1,)
        The pairs of item ``i`` are ``begins[i]:begins[i + 1]``.
    after : int32 Tensor, shape (E,)
        Whoever asks for an item is told of these.
    weights : Tensor, shape (V, E)
    totals : Tensor, shape (I, V)
        Sums of an item's weights.
    """

    begins: Tensor
    after: Tensor
    weights: Tensor
    totals: Tensor

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.totals) - 1

    def until(self, items_Q: Tensor, day: int) -> tuple[Tensor, Tensor, Tensor]:
        """Find the pairs of items as `TimedPairs.until` does, on any day behind the last."""
        first_Q = self.begins.index_select(0, items_Q)
        return first_Q, self.begins.index_select(0, items_Q + 1) - first_Q, self.totals.index_select(0, items_Q)

    def known(self, day: int) -> tuple[Ids, Ids, npt.NDArray[np.float64]]:
        """Return all pairs as `TimedPairs.known` does, on any day behind the last."""
        before_E = np.repeat(np.arange(len(self.totals)), np.diff(self.begins.numpy()))
        return before_E, self.after.numpy().astype(np.int64), self.weights.double().numpy().T

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return plain arrays; see `of_state`."""
        return {name: part.numpy() for name, part in self._asdict().items()}

    @classmethod
    def of_state(cls, state: Mapping[str, npt.NDArray[Any]], n_items: int) -> Self:
        """Take what `state` returned.

        Raises
        ------
        ValueError
            If the arrays do not fit each other.
        """
        found = cls(*(torch.as_tensor(state[field]) for field in cls._fields))
        n_pairs, (n_ways, n_weights) = len(found.after), found.weights.shape
        fits = found.totals.shape == (n_items + 1, n_ways) and len(found.begins) == n_items + 2
        fits = fits and n_weights == n_pairs == int(found.begins[-1]) and int(found.begins[0]) == 0
        fits = fits and bool((found.begins.diff() >= 0).all())
        if not fits or (n_pairs and not 0 <= int(found.after.min()) <= int(found.after.max()) <= n_items):
            raise ValueError("pairs of items do not fit each other")
        return found


class TimedPairs:
    """Weighted pairs of items, each from the day on which its later half came.

    Parameters
    ----------
    before, after : int32 array, shape (E,)
        Item ids: whoever asks for ``before`` is told of ``after``.
    days : int32 array, shape (E,)
        A pair is known on the days behind this one.
    weights : float array, shape (E, V)
    n_items : int
        Size of the catalogue.
    """

    def __init__(self, before: Ints, after: Ints, days: Ints, weights: npt.NDArray[np.float64], n_items: int) -> None:
        self.n_items = n_items
        self.origin = int(days.min(initial=np.iinfo(np.int32).max)) - 1
        key = torch.from_numpy(before.astype(np.int64) * _DAYS + (days - self.origin))
        self._key, sorting = torch.sort(key, stable=True)  # in half of the time of numpy
        order = sorting.numpy()
        weights = weights[order]
        self.after = torch.from_numpy(after[order])
        self.weights = torch.from_numpy(np.ascontiguousarray(weights.T, np.float32))  # (V, E)
        self._sums = torch.zeros(len(order) + 1, weights.shape[1], dtype=torch.float64)
        torch.cumsum(torch.from_numpy(weights), 0, out=self._sums[1:])
        self._begins = torch.searchsorted(self._key, torch.arange(n_items + 2) * _DAYS)

    def summed(self) -> SummedPairs:
        """Add up equal pairs, whatever their days."""
        size = self.n_items + 1
        before_E = (self._key // _DAYS).numpy()
        sums = [
            coo_array((weight_E, (before_E, self.after.numpy())), shape=(size, size)).tocsr()
            for weight_E in self.weights.double().numpy()
        ]
        return SummedPairs(
            torch.from_numpy(sums[0].indptr.astype(np.int64)),
            torch.from_numpy(sums[0].indices.astype(np.int32)),
            torch.from_numpy(np.stack([each.data for each in sums]).astype(np.float32)),
            (self._sums[self._begins[1:]] - self._sums[self._begins[:-1]]).float(),
        )

    def until(self, items_Q: Tensor, day: int) -> tuple[Tensor, Tensor, Tensor]:
        """Find the pairs of items that are known on the morning of a day.

        Parameters
        ----------
        items_Q : LongTensor, shape (Q,)
        day : int

        Returns
        -------
        first, count : LongTensor, shape (Q,)
            Which entries these are.
        totals : Tensor, shape (Q, V)
            Sums of their weights.
        """
        first_Q = self._begins[items_Q]
        end_Q = torch.searchsorted(self._key, items_Q * _DAYS + self._offset(day))
        return first_Q, end_Q - first_Q, (self._sums[end_Q] - self._sums[first_Q]).float()

    def known(self, day: int) -> tuple[Ids, Ids, npt.NDArray[np.float64]]:
        """Return all pairs that are known on the morning of a day.

        Returns
        -------
        before, after : int64 array, shape (E,)
        weights : float64 array, shape (E, V)
        """
        known_E = self._key % _DAYS < self._offset(day)
        before_E = self._key[known_E] // _DAYS
        after_E = self.after[known_E].numpy().astype(np.int64)
        return before_E.numpy(), after_E, self.weights[:, known_E].double().numpy().T

    def _offset(self, day: int) -> int:
        return min(max(0, day - self.origin), _DAYS - 1)


class PairsByDay:
    """Pairs for any day: their sums where all of them are known, as for most requests of a service, or single ones.

    Parameters
    ----------
    fit : callable
        Makes the single pairs, which takes long; it is called once, and only if they are needed.
    last_day : int
        No pair lies behind it.
    latest : SummedPairs, optional
        Their sums, if they are known.
    """

    def __init__(self, fit: Callable[[], TimedPairs], last_day: int, latest: SummedPairs | None = None) -> None:
        self._fit, self._last_day = fit, last_day
        if latest is not None:
            self.latest = latest

    def on(self, day: int) -> TimedPairs | SummedPairs:
        """Return what to ask on the morning of a day."""
        return self.latest if day > self._last_day else self._single

    @cached_property
    def latest(self) -> SummedPairs:
        """The sums of all pairs."""
        return self._single.summed()

    @cached_property
    def _single(self) -> TimedPairs:
        return self._fit()
