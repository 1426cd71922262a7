"""Rows of a sparse matrix, laid end to end."""

# Shapes: Q rows that are read, E entries of all of them.

from __future__ import annotations

import torch
from torch import Tensor


def entries_of(first_Q: Tensor, count_Q: Tensor) -> tuple[Tensor, Tensor]:
    """List the entries of some rows, those of a row one behind the other.

    Parameters
    ----------
    first_Q, count_Q : LongTensor, shape (Q,)
        Where each row begins in the arrays of all entries, and how many it has.

    Returns
    -------
    source_E, entry_E : LongTensor, shape (E,)
        Which of the rows each is from, and its place in the arrays.
    """
    source_E = torch.repeat_interleave(count_Q)
    begin_Q = first_Q - count_Q.cumsum(0) + count_Q
    return source_E, begin_Q.index_select(0, source_E).add_(torch.arange(len(source_E), device=source_E.device))
