"""Which interactions stay: pure functions on arrays in chronological order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_metarec.datasets.interactions import Interactions
from recbole_metarec.datasets.rules import UNTIL_STABLE, Dedup

Mask = npt.NDArray[np.bool_]


def in_order(rows: Interactions) -> Interactions:
    """Sort by time; what happened at the same time keeps the order of the source file.

    Parameters
    ----------
    rows : Interactions
        In file order.

    Returns
    -------
    Interactions
    """
    return rows.take(np.argsort(rows.times, kind="stable"))


def between(rows: Interactions, after: int | None, before: int | None) -> Mask:
    """Mark the interactions of a time range.

    Parameters
    ----------
    rows : Interactions
        Any.
    after : int, optional
        First time that is in the range, in the unit of the source.
    before : int, optional
        First time that is behind it.

    Returns
    -------
    bool array, shape (n,)
    """
    mask = np.ones(len(rows), bool)
    if after is not None:
        mask &= rows.times >= after
    if before is not None:
        mask &= rows.times < before
    return mask


def distinct(rows: Interactions, rule: Dedup) -> Mask:
    """Mark which of repeated interactions stay.

    Parameters
    ----------
    rows : Interactions
        In chronological order.
    rule : str
        ``none`` keeps all; ``exact`` one of those with the same user, item, rating and time; ``first`` and ``last``
        the oldest and the newest of each user and item.

    Returns
    -------
    bool array, shape (n,)
    """
    mask = np.zeros(len(rows), bool)
    pairs = rows.users.astype(np.uint64) << np.uint64(32) | rows.items
    if rule == "none":
        mask[:] = True
    elif rule == "first":
        mask[np.unique(pairs, return_index=True)[1]] = True
    elif rule == "last":
        mask[len(rows) - 1 - np.unique(pairs[::-1], return_index=True)[1]] = True
    else:
        order = np.lexsort((rows.times, rows.ratings, pairs))
        same = np.ones(len(rows), bool)
        same[:1] = False
        for column in (rows.times, rows.ratings, pairs):
            same[1:] &= column[order][1:] == column[order][:-1]
        mask[order[~same]] = True
    return mask


def k_core(rows: Interactions, user_core: int, item_core: int, passes: int = UNTIL_STABLE) -> Mask:
    """Mark the interactions of users and items that have enough of them.

    A pass counts users and items together and drops the interactions of those that have too few, which may leave
    others with too few: SASRec stops after one pass, UniSRec and RecBole go on until nothing changes.

    Parameters
    ----------
    rows : Interactions
        Any.
    user_core, item_core : int
        Least interactions of a user and of an item; 0 sets no limit.
    passes : int
        Most passes; `UNTIL_STABLE` for the fixed point.

    Returns
    -------
    bool array, shape (n,)
    """
    kept = np.arange(len(rows))
    users, items = rows.users, rows.items
    done = 0
    while len(kept) and (passes == UNTIL_STABLE or done < passes):
        enough = (np.bincount(users) >= user_core)[users] & (np.bincount(items) >= item_core)[items]
        if enough.all():
            break
        kept, users, items = kept[enough], users[enough], items[enough]
        done += 1
    mask = np.zeros(len(rows), bool)
    mask[kept] = True
    return mask
