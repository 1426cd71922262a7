"""Histories of users, as lists of ids or as frames, as requests of item numbers."""

# Shapes: B requests, n interactions.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.errors import UserError
from recbole_metarec.inference.frames import Rows
from recbole_metarec.inference.times import At, seconds_of
from recbole_metarec.inference.vocabulary import Unknown, Vocabulary


class Counted(NamedTuple):
    """Interactions to count.

    Attributes
    ----------
    domain : Domain
    new : bool array, shape (n,)
        Which of its interactions are; the others are what their users had before.
    """

    domain: Domain
    new: npt.NDArray[np.bool_]


def is_list(value: object) -> bool:
    """Whether a value is a list, a tuple or an array."""
    return isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))


def of_lists(
    vocabulary: Vocabulary, sequences: Sequence[Sequence[object]], at: At | Sequence[At], unknown: Unknown
) -> Requests:
    """Read lists of item ids; all in a list counts as had at the time of its request.

    Parameters
    ----------
    vocabulary : Vocabulary
    sequences : list of list of str
    at : time, or a list of one for each
    unknown : {"skip", "raise"}

    Returns
    -------
    Requests

    Raises
    ------
    UserError
        If they are none.
    """
    if not is_list(sequences):
        raise UserError(["sequences: must be a list of lists of item ids, as in [['A', 'B'], ['C']], or a frame"])
    wrong = [number for number, each in enumerate(sequences, 1) if not is_list(each)]
    if wrong:
        raise UserError([f"sequences: number {wrong[0]} is no list; a single one has two brackets, too: [['A', 'B']]"])
    if isinstance(at, (Sequence, np.ndarray)) and not isinstance(at, str):
        times = np.array([seconds_of(each) for each in at], np.float64)
        if len(times) != len(sequences):
            raise UserError([f"at: has {len(times)} times for {len(sequences)} sequences; write one for each"])
    else:
        times = np.full(len(sequences), seconds_of(at))
    flat = vocabulary.numbers([item for each in sequences for item in each], "sequences", unknown)
    row = np.repeat(np.arange(len(sequences)), [len(each) for each in sequences])
    return _requests(flat, times[row], row, times)


def of_rows(vocabulary: Vocabulary, rows: Rows, at: At | Mapping[Any, At] | Sequence[At], unknown: Unknown) -> Requests:
    """Read the rows of a frame: a request for each user; what came after it is not read.

    Parameters
    ----------
    vocabulary : Vocabulary
    rows : Rows
    at : time, or one for each user: a mapping, or a list in the order of ``rows.users``
    unknown : {"skip", "raise"}

    Returns
    -------
    Requests
        In the order of ``rows.users``.

    Raises
    ------
    UserError
        If a user has no time.
    """
    if isinstance(at, Mapping):
        missing = [user for user in rows.users if user not in at]
        if missing:
            raise UserError([f"at: has no time for user {missing[0]!r}; name one for each user"])
        asked = np.array([seconds_of(at[user]) for user in rows.users], np.float64)
    elif isinstance(at, (Sequence, np.ndarray)) and not isinstance(at, str):
        asked = np.array([seconds_of(each) for each in at], np.float64)
    else:
        asked = np.full(len(rows.users), seconds_of(at))
    items = vocabulary.numbers(rows.items, "item_id", unknown)
    times = asked[rows.user] if rows.times is None else np.where(np.isnan(rows.times), asked[rows.user], rows.times)
    return _requests(np.where(times <= asked[rows.user], items, 0), times, rows.user, asked)


def to_count(
    vocabulary: Vocabulary, rows: Rows, histories: Rows | None, needs_times: bool, unknown: Unknown
) -> Counted:
    """Read interactions that are to be counted.

    Parameters
    ----------
    vocabulary : Vocabulary
    rows : Rows
        The new ones.
    histories : Rows, optional
        What their users had before.
    needs_times : bool
    unknown : {"skip", "raise"}

    Returns
    -------
    Counted

    Raises
    ------
    UserError
        If nothing says when they were, and that is needed.
    """
    parts = [rows] if histories is None else [histories, rows]
    if needs_times and any(part.times is None for part in parts):
        raise UserError(["timestamp: must hold times, as seconds since 1970; evidence of this model knows the clock"])
    numbers = {user: number for number, user in enumerate(dict.fromkeys(u for part in parts for u in part.users))}
    user = np.concatenate([np.array([numbers[u] for u in part.users], np.int64)[part.user] for part in parts])
    items = np.concatenate([vocabulary.numbers(part.items, "item_id", unknown) for part in parts])
    new = np.repeat([False] * (len(parts) - 1) + [True], [len(part.items) for part in parts])
    times = np.concatenate([np.zeros(len(p.items)) if p.times is None else p.times for p in parts])
    order = np.lexsort((times, new, user)) if not needs_times else np.lexsort((times, user))
    order = order[items[order] > 0]
    offsets = np.searchsorted(user[order], np.arange(len(numbers) + 1))
    domain = Domain(
        "new", items[order].astype(np.int32), offsets, len(vocabulary.ids), times[order] if needs_times else None
    )
    return Counted(domain, new[order])


def _requests(items: npt.NDArray[np.int64], times: Any, row: Any, at: npt.NDArray[np.float64]) -> Requests:
    """Put together the known items of rows, which stand in rising order."""
    row, times, items = row[items > 0], times[items > 0], items[items > 0]
    offsets = np.searchsorted(row, np.arange(len(at) + 1))
    # A place more, for sequences without any.
    return Requests(np.append(items, 0), np.append(times, 0.0), offsets[:-1], offsets[1:], at)
