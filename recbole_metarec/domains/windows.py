"""Training windows: every position of a sequence is a target once an epoch, no prefix expansion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recbole_metarec.domains.domain import Domain

# A bucket spans this many batches: windows of like length meet in a batch, yet batches differ between epochs.
BUCKET_BATCHES = 16


class WindowBatch(NamedTuple):
    """Windows of one batch, right-padded with 0 to the longest of them.

    Attributes
    ----------
    inputs : LongTensor, shape (B, L)
        Item ids.
    targets : LongTensor, shape (B, L)
        The item that follows each input; 0 where the input is padding.
    """

    inputs: Tensor
    targets: Tensor


def cut_windows(domain: Domain, max_length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cut the sequences of a domain into windows of at most ``max_length`` targets.

    The windows of a sequence are counted from its end, so that only the oldest may be short, and each
    starts with the last target of the one before: every item but the first of a sequence is a target once.

    Parameters
    ----------
    domain : Domain
        Sequences shorter than two items give no window.
    max_length : int
        Largest number of targets in a window, at least 1.

    Returns
    -------
    starts : int64 array, shape (n_windows,)
        Position in ``domain.items`` of the first input of each window.
    lengths : int64 array, shape (n_windows,)
        Number of targets of each window.
    """
    if max_length < 1:
        raise ValueError(f"max_length must be at least 1, got {max_length}")
    targets = np.maximum(domain.lengths - 1, 0)
    counts = -(-targets // max_length)
    sequence = np.repeat(np.arange(domain.n_sequences), counts)
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    end = targets[sequence] - nth * max_length
    begin = np.maximum(end - max_length, 0)
    return domain.offsets[sequence] + begin, end - begin


def even_cuts(sizes: npt.NDArray[np.int64], parts: int) -> npt.NDArray[np.int64]:
    """Cut a row of things into consecutive parts of about the same total size, none of them empty.

    Parameters
    ----------
    sizes : int64 array, shape (n,)
        Positive.
    parts : int
        Between 1 and n.

    Returns
    -------
    int64 array, shape (parts - 1,)
        Where the second and all later parts begin.
    """
    number = np.arange(1, parts)
    ends = np.cumsum(sizes)
    cuts = np.searchsorted(ends, ends[-1] * number / parts, side="left") + 1
    # each part takes one thing at least and leaves one to each of those behind it
    cuts = np.maximum.accumulate(cuts - number) + number
    begins: npt.NDArray[np.int64] = np.minimum(cuts, len(sizes) - parts + number)
    return begins


class WindowSampler:
    """Batches of windows, fixed by (seed, epoch, step) alone.

    Parameters
    ----------
    domain : Domain
        Where the windows come from.
    max_length : int
        Largest number of targets in a window.
    batch_size : int
        Number of windows in a batch on average. Batches have about the same number of targets, so that each target
        weighs the same, and windows of like length, so that there is little padding.
    seed : int
        Seed of the shuffling.

    Raises
    ------
    ValueError
        If the domain has no sequence of two items or ``batch_size`` is below 1.
    """

    def __init__(self, domain: Domain, max_length: int, batch_size: int, seed: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.domain = domain
        self.batch_size = batch_size
        self.seed = seed
        self.starts, self.lengths = cut_windows(domain, max_length)
        if len(self.starts) == 0:
            raise ValueError(f"{domain.name}: no sequence has two items to learn from")
        self._plan: tuple[int, list[npt.NDArray[np.int64]]] | None = None

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return -(-len(self.starts) // self.batch_size)

    def batch(self, epoch: int, step: int) -> WindowBatch:
        """Return batch ``step`` of ``epoch``.

        Parameters
        ----------
        epoch : int
            Any non-negative number; each has its own shuffle.
        step : int
            From 0; steps beyond the epoch's end go on in the next epochs.

        Returns
        -------
        WindowBatch
        """
        more, step = divmod(step, len(self))
        return self._collate(self._batches(epoch + more)[step])

    def epoch(self, epoch: int) -> Iterator[WindowBatch]:
        """Iterate over the batches of one epoch."""
        return (self.batch(epoch, step) for step in range(len(self)))

    def _batches(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        if self._plan is None or self._plan[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            order = rng.permutation(len(self.starts))
            bucket = self.batch_size * BUCKET_BATCHES
            parts = [order[i : i + bucket] for i in range(0, len(order), bucket)]
            by_length = [part[np.argsort(self.lengths[part], kind="stable")] for part in parts]
            # up and down in turn: where two buckets meet in a batch, lengths are alike, too
            order = np.concatenate([part[:: 1 - 2 * (i % 2)] for i, part in enumerate(by_length)])
            batches = np.split(order, even_cuts(self.lengths[order], len(self)))
            self._plan = (epoch, [batches[i] for i in rng.permutation(len(batches))])
        return self._plan[1]

    def _collate(self, windows: npt.NDArray[np.int64]) -> WindowBatch:
        starts, lengths = self.starts[windows, None], self.lengths[windows, None]
        column = np.arange(lengths.max())
        real = column < lengths
        position = np.where(real, starts + column, 0)
        items = self.domain.items
        inputs = np.where(real, items[position], 0).astype(np.int64)
        targets = np.where(real, items[np.where(real, position + 1, 0)], 0).astype(np.int64)
        return WindowBatch(torch.from_numpy(inputs), torch.from_numpy(targets))
