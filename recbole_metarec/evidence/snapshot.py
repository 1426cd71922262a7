"""Evidence on the morning of one day, as arrays that need nothing else to answer: for exports and indexes."""

# Shapes: I items (row 0 is padding), K kinds of evidence, E entries, V ways of weighing pairs.

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array

from recbole_metarec.evidence.memory import TransitionMemory
from recbole_metarec.evidence.pairs import SummedPairs, TimedPairs
from recbole_metarec.evidence.timed import SAME_DAY_SMOOTHING, TimedEvidence

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]


class Rows(NamedTuple):
    """A sparse matrix of probabilities by row; what a row's entries leave of 1 is shared out by popularity.

    Attributes
    ----------
    indptr : int64 array, shape (I + 1,)
        Row ``i`` has the entries ``indptr[i]:indptr[i + 1]``.
    items : int32 array, shape (E,)
    values : float32 array, shape (E,)
    background : float32 array, shape (I,)
        What is left of each row.
    """

    indptr: Places
    items: npt.NDArray[np.int32]
    values: Floats
    background: Floats

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays under names that begin with one."""
        return {f"{name}_{field}": array for field, array in self._asdict().items()}


class Snapshot(NamedTuple):
    """Evidence that knows the clock, on the morning of a day.

    Attributes
    ----------
    share : float32 array, shape (I,)
        Popularity, where no count is below one half.
    counted : float32 array, shape (K, I)
        Evidence of `COUNTED` kinds.
    transitions, fading, same_day : Rows
        What follows each item, what follows it if older transitions count less, and what goes with it on one day.
    asked, latent : float32 array, shape (I, D)
        Latent factors to ask with what somebody had, and to score what may come next; D is 0 without any.
    seen : tuple of int array, shape (I + 1,) and (n_events,)
        Days on which somebody had item ``i``, in rising order: ``seen[1][seen[0][i]:seen[0][i + 1]]``.
    """

    share: Floats
    counted: Floats
    transitions: Rows
    fading: Rows
    same_day: Rows
    asked: Floats
    latent: Floats
    seen: tuple[Places, npt.NDArray[np.int32]]

    @classmethod
    def of(cls, timed: TimedEvidence, day: int) -> Snapshot:
        """Count all that lies on days before one."""
        smoothing = timed.settings.memory_smoothing
        morning = timed.morning(day)
        factors = timed.factors(day) or [torch.zeros(timed.n_items + 1, 0)] * 2
        asked, latent = (part.numpy() for part in factors)
        fading = smoothing * float(timed.fade(np.array(day)))
        return cls(
            morning.share_I.numpy(),
            morning.table_KI.numpy(),
            _rows(timed.transitions.on(day), day, 0, smoothing),
            _rows(timed.transitions.on(day), day, 1, fading),
            _rows(timed.same_day.on(day), day, 0, SAME_DAY_SMOOTHING),
            asked,
            latent,
            timed.seen(day),
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all arrays by name."""
        return {
            "share": self.share,
            "counted": self.counted,
            "asked": self.asked,
            "latent": self.latent,
            **self.transitions.arrays("transitions"),
            **self.fading.arrays("fading"),
            **self.same_day.arrays("same_day"),
            "seen_indptr": self.seen[0],
            "seen_days": self.seen[1],
        }


def memory_rows(memory: TransitionMemory) -> Rows:
    """Return what a memory has counted."""
    tensors = (memory.offsets, memory.items, memory.probabilities, memory.background)
    indptr, items, values, background = (tensor.cpu().numpy() for tensor in tensors)
    return Rows(indptr, items.astype(np.int32), values, background)


def _rows(pairs: TimedPairs | SummedPairs, day: int, way: int, smoothing: float) -> Rows:
    """Sum pairs that lie before a day, and turn sums into shares as evidence does when it is asked."""
    before_E, after_E, weights_EV = pairs.known(day)
    size = pairs.n_items + 1
    sums = csr_array((weights_EV[:, way], (before_E, after_E)), shape=(size, size))
    sums.sum_duplicates()
    totals = np.asarray(sums.sum(axis=1)).ravel() + smoothing
    values = sums.data / np.repeat(totals, np.diff(sums.indptr))
    return Rows(
        sums.indptr.astype(np.int64),
        sums.indices.astype(np.int32),
        values.astype(np.float32),
        (smoothing / totals).astype(np.float32),
    )
