"""Which items went with which until a day, from pairs of interactions in the order of their days."""

# Shapes: Q items asked for, V ways of weighing, I items (row 0 is padding), E pairs.

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array
from torch import Tensor

Ints = npt.NDArray[np.int32]
Ids = npt.NDArray[np.int64]
_DAYS = 2**22  # more than a domain can span, so that item and day make one number


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
        self.last_day = int(days.max(initial=np.iinfo(np.int32).min))
        self._summed: tuple[int, TimedPairs] | None = None
        self.origin = int(days.min(initial=np.iinfo(np.int32).max)) - 1
        key = torch.from_numpy(before.astype(np.int64) * _DAYS + (days - self.origin))
        self._key, sorting = torch.sort(key, stable=True)  # in half of the time of numpy
        order = sorting.numpy()
        weights = weights[order]
        self.after = torch.from_numpy(after[order].astype(np.int64))
        self.weights = torch.from_numpy(np.ascontiguousarray(weights.T, np.float32))  # (V, E)
        self._sums = torch.zeros(len(order) + 1, weights.shape[1], dtype=torch.float64)
        torch.cumsum(torch.from_numpy(weights), 0, out=self._sums[1:])
        self._begins = torch.searchsorted(self._key, torch.arange(n_items + 2) * _DAYS)

    def on(self, day: int) -> TimedPairs:
        """Return pairs that say the same on the morning of a day, and of later ones if no pair lies on them.

        On the last day and behind it these are sums of equal pairs, made once: most requests of a service come then.
        """
        if day < self.last_day or not len(self.after):
            return self
        day = min(day, self.last_day + 1)
        if self._summed is None or self._summed[0] != day:
            self._summed = day, self._sum(day)
        return self._summed[1]

    def _sum(self, day: int) -> TimedPairs:
        before_E, after_E, weights_EV = self.known(day)
        size = self.n_items + 1
        sums = [coo_array((weight_E, (before_E, after_E)), shape=(size, size)).tocsr() for weight_E in weights_EV.T]
        indptr, after = sums[0].indptr, sums[0].indices.astype(np.int32)
        before = np.repeat(np.arange(size, dtype=np.int32), np.diff(indptr))
        days = np.full(len(after), day - 1, np.int32)
        return TimedPairs(before, after, days, np.stack([each.data for each in sums], 1), self.n_items)

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
        offset = min(max(0, day - self.origin), _DAYS - 1)
        first_Q = self._begins[items_Q]
        end_Q = torch.searchsorted(self._key, items_Q * _DAYS + offset)
        return first_Q, end_Q - first_Q, (self._sums[end_Q] - self._sums[first_Q]).float()

    def known(self, day: int) -> tuple[Ids, Ids, npt.NDArray[np.float64]]:
        """Return all pairs that are known on the morning of a day.

        Returns
        -------
        before, after : int64 array, shape (E,)
        weights : float64 array, shape (E, V)
        """
        offset = min(max(0, day - self.origin), _DAYS - 1)
        known_E = self._key % _DAYS < offset
        before_E = self._key[known_E] // _DAYS
        return before_E.numpy(), self.after[known_E].numpy(), self.weights[:, known_E].double().numpy().T
