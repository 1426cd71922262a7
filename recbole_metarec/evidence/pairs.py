"""Which items went with which until a day, from pairs of interactions in the order of their days."""

# Shapes: Q items asked for, V ways of weighing, I items (row 0 is padding), E pairs.

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
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
        self.origin = int(days.min(initial=np.iinfo(np.int32).max)) - 1
        key = before.astype(np.int64) * _DAYS + (days - self.origin)
        order = np.argsort(key, kind="stable")
        self._key = torch.from_numpy(key[order])
        self.after = torch.from_numpy(after[order].astype(np.int64))
        self.weights = torch.from_numpy(weights[order].astype(np.float32))
        self._sums = torch.zeros(len(order) + 1, weights.shape[1], dtype=torch.float64)
        torch.cumsum(torch.from_numpy(weights[order]), 0, out=self._sums[1:])
        self._begins = torch.searchsorted(self._key, torch.arange(n_items + 2) * _DAYS)

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

    def known(self, day: int, way: int) -> tuple[Ids, Ids, npt.NDArray[np.float64]]:
        """Return all pairs that are known on the morning of a day: item, its partner, and a weight, shape (E,) each."""
        offset = min(max(0, day - self.origin), _DAYS - 1)
        known_E = (self._key % _DAYS < offset).numpy()
        before_E = (self._key // _DAYS).numpy()[known_E]
        return before_E, self.after.numpy()[known_E], self.weights[:, way].double().numpy()[known_E]
