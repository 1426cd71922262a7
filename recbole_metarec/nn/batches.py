"""Batches of windows, as models read them."""

# Shapes: B windows, L positions, I rows of a table (row 0 is padding), N real positions, M negatives.

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Negatives(NamedTuple):
    """Shared negatives of a batch.

    Attributes
    ----------
    rows : LongTensor, shape (M,)
        Rows of distinct items.
    log_inclusion : Tensor, shape (I,)
        Log of the probability that the item of a row is among them; that of padding is not used.
    """

    rows: Tensor
    log_inclusion: Tensor


class Part(NamedTuple):
    """What of a batch is here where several processes share it.

    Attributes
    ----------
    total : int
        Windows of the whole batch.
    rows : slice
        Those of them that are here.
    weight : float
        Share of the whole batch's real positions.
    processes : int
        How many share it.
    """

    total: int
    rows: slice
    weight: float
    processes: int


class Batch(NamedTuple):
    """Windows whose items are rows of a table: of a domain's, or of one with the items of the batch alone.

    Attributes
    ----------
    inputs_BL : LongTensor, shape (B, L)
        Rows of the items to read, right-padded with 0.
    places_N : LongTensor, shape (N,)
        Where in the flattened inputs the real positions stand.
    targets_N : LongTensor, shape (N,)
        Row of the item that follows each of them.
    negatives : Negatives, optional
        For sampled softmax; without it, the softmax runs over the whole table.
    part : Part, optional
        What of a larger batch this is.
    """

    inputs_BL: Tensor
    places_N: Tensor
    targets_N: Tensor
    negatives: Negatives | None = None
    part: Part | None = None

    def to(self, device: torch.device, negatives: Negatives | None = None) -> Batch:
        """Copy the windows to a device and give them negatives that are there."""
        inputs_BL, places_N, targets_N = (each.to(device) for each in self[:3])
        return Batch(inputs_BL, places_N, targets_N, negatives, self.part)


def make_batch(inputs_BL: Tensor, targets_BL: Tensor, negatives: Negatives | None = None) -> Batch:
    """Make a batch of padded inputs and targets.

    Parameters
    ----------
    inputs_BL, targets_BL : LongTensor, shape (B, L)
        Rows; positions whose target is 0 do not count.
    negatives : Negatives, optional
        See `Batch`.

    Returns
    -------
    Batch
    """
    flat = targets_BL.flatten()
    places_N = flat.nonzero().squeeze(1)
    return Batch(inputs_BL, places_N, flat[places_N], negatives)


def deal(inputs_BL: Tensor, targets_BL: Tensor, number: int, processes: int) -> Batch:
    """Make the batch of those windows that a process computes.

    Parameters
    ----------
    inputs_BL, targets_BL : LongTensor, shape (B, L)
        The windows of all processes; see `make_batch`.
    number, processes : int
        Which process, of how many. Every ``processes``-th window is its; where there are fewer windows, it gets one
        that counts nothing.

    Returns
    -------
    Batch
    """
    whole = make_batch(inputs_BL, targets_BL)
    if processes == 1:
        return whole
    counts = number < len(inputs_BL)
    rows = slice(number, None, processes) if counts else slice(0, 1)
    batch = make_batch(inputs_BL[rows], targets_BL[rows])
    weight = len(batch.targets_N) / len(whole.targets_N) if counts else 0.0
    return batch._replace(part=Part(len(inputs_BL), rows, weight, processes))
