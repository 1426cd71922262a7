"""A method that scipy 1.13 dropped."""

from __future__ import annotations

from collections.abc import Mapping

import scipy.sparse


def _update(self: scipy.sparse.dok_matrix, entries: Mapping[tuple[int, int], float]) -> None:
    self._dict.update(entries)


def apply() -> None:
    """Give ``dok_matrix`` its ``_update`` if it lacks it."""
    if not hasattr(scipy.sparse.dok_matrix, "_update"):
        scipy.sparse.dok_matrix._update = _update
