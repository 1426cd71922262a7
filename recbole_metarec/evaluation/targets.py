"""Test targets: which user and which item a rank belongs to, and what several splits have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Ranks = npt.NDArray[np.int64]


class Targets(NamedTuple):
    """The items that are to be found in a split, one row each.

    A user has one row in a leave-one-out split, and may have several in others.

    Attributes
    ----------
    users, items : array, shape (n_rows,)
        The user and the item: their names, or their numbers within one dataset.
    """

    users: npt.NDArray[Any]
    items: npt.NDArray[Any]

    @property
    def n_users(self) -> int:
        """Number of different users."""
        return len(pd.unique(self.users))

    def user_numbers(self) -> Ranks:
        """Return the number of each row's user, from 0 by first appearance, shape (n_rows,)."""
        return pd.factorize(self.users)[0].astype(np.int64)

    def take(self, rows: npt.NDArray[Any]) -> Targets:
        """Return some of the rows."""
        return Targets(self.users[rows], self.items[rows])

    def named(self, dataset: Any) -> Targets:
        """Put names in place of the numbers of a ``recbole.data.dataset.Dataset``."""
        users = dataset.id2token(dataset.uid_field, self.users)
        return Targets(users.astype(object), dataset.id2token(dataset.iid_field, self.items).astype(object))

    def keys(self) -> pd.MultiIndex:
        """Tell rows by user, item and, where a user has an item several times, which time it is."""
        frame = pd.DataFrame({"user": self.users, "item": self.items})
        return pd.MultiIndex.from_frame(frame.assign(time=frame.groupby(["user", "item"]).cumcount()))

    def places(self) -> pd.MultiIndex:
        """Tell rows by user and by which of the user's targets it is, whatever the item."""
        users = pd.Series(self.users)
        return pd.MultiIndex.from_arrays([self.users, users.groupby(users).cumcount()])


def common_rows(
    every: Sequence[Targets], keys_of: Callable[[Targets], pd.MultiIndex] = Targets.keys
) -> list[npt.NDArray[np.intp]]:
    """Find the targets that several splits share.

    Parameters
    ----------
    every : sequence of Targets
        At least one.
    keys_of : callable
        What a target is told by.

    Returns
    -------
    list of int array, shape (n_shared,)
        Of each, the rows of the shared targets, which stand in the order of the first.
    """
    first = every[0]
    if all(np.array_equal(first.users, each.users) and np.array_equal(first.items, each.items) for each in every):
        return [np.arange(len(first.users))] * len(every)
    keys = [keys_of(each) for each in every]
    shared = keys[0]
    for other in keys[1:]:
        shared = shared[shared.isin(other)]
    return [each.get_indexer(shared) for each in keys]
