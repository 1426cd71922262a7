"""Random numbers for rows of a batch of which other processes have the rest.

They are drawn for the whole batch, so that a row gets the same whoever computes it, and all processes go on with
generators in the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_whole: tuple[int, slice] | None = None


@contextmanager
def rows_of(total: int, rows: slice) -> Iterator[None]:
    """Let the first axis of all that is drawn for be some rows of a larger whole.

    Parameters
    ----------
    total : int
        Number of rows of the whole.
    rows : slice
        Which of them are here.
    """
    global _whole
    before, _whole = _whole, (total, rows)
    try:
        yield
    finally:
        _whole = before


def is_shared() -> bool:
    """Whether other processes have other rows of what is drawn for."""
    return _whole is not None


def drawn(shape: torch.Size, draw: Callable[[torch.Size], Tensor]) -> Tensor:
    """Draw for rows: for them alone, or for the whole of which they are some.

    Parameters
    ----------
    shape : torch.Size
        Of what is wanted.
    draw : callable
        Draws a tensor of a shape.

    Returns
    -------
    Tensor
    """
    if _whole is None:
        return draw(shape)
    total, rows = _whole
    return draw(torch.Size((total, *shape[1:])))[rows]


@contextmanager
def drawing_alone() -> Iterator[None]:
    """Draw for the rows that are here alone, where torch draws by itself, and leave generators as for the whole."""
    if _whole is None:
        yield
        return
    seed = int(torch.randint(2**62, ()))
    with torch.random.fork_rng():
        torch.manual_seed(seed + (_whole[1].start or 0))
        yield
