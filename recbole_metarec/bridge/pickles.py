"""Whether RecBole may read what runs code when it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HOW_TO_ALLOW = "if you trust it, write --allow_pickle=True, or in Python: with recbole_metarec.allow_pickle():"

_allowed: ContextVar[bool] = ContextVar("allow_pickle", default=False)


@contextmanager
def allow_pickle(allow: bool = True) -> Iterator[None]:
    """Let RecBole read pickled checkpoints, data sets and data loaders: each of them can run any code.

    Parameters
    ----------
    allow : bool
        ``False`` changes nothing.

    Examples
    --------
    >>> with recbole_metarec.allow_pickle():
    ...     load_data_and_model("saved/written-by-recbole.pth")
    """
    token = _allowed.set(allow or is_allowed())
    try:
        yield
    finally:
        _allowed.reset(token)


def is_allowed() -> bool:
    """Whether `allow_pickle` holds."""
    return _allowed.get()
