"""A split at two points of time, the same for every model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from recbole.config import Config

from recbole_metarec.bridge.grouping import Rows
from recbole_metarec.bridge.rows import Sequences
from recbole_metarec.domains.clock import DAY, Times, date_of
from recbole_metarec.errors import UserError
from recbole_metarec.settings.dates import seconds_of
from recbole_metarec.settings.protocol import points_of

PARTS = ("train", "validate", "test")


def cuts(points: list[Any], times: Times) -> tuple[float, float]:
    """Turn points into seconds since 1970.

    Parameters
    ----------
    points : list
        Shares of all interactions, of which the day that they fall into belongs to the later part, or dates.
    times : float64 array, shape (n_interactions,)
        Of all interactions, in any order.

    Returns
    -------
    first, second : float
    """
    first, second = (_cut(point, times) for point in points)
    return first, second


def _cut(point: Any, times: Times) -> float:
    if isinstance(point, (str, date)):
        moment = seconds_of(point)
        assert moment is not None
        return moment
    return float(np.quantile(times, point, method="lower") // DAY * DAY)


def split_sequences(
    sequences: Sequences, user_field: str, config: Config, name: str, with_firsts: bool = False
) -> list[Rows]:
    """Divide interactions by a configuration's points.

    Parameters
    ----------
    sequences : Sequences
        All interactions.
    user_field : str
    config : recbole.config.Config
    name : str
        Of the dataset.
    with_firsts : bool
        Whether users' first interactions, before which nothing stands, are trained on.

    Returns
    -------
    list of int array
        The targets to train on, to validate and to test with, in rising order; of the latter two no user has more than
        ``requests_per_user``.

    Raises
    ------
    UserError
        If nothing knows the time, or the second point lies before the first.
    """
    points, times = points_of(config), times_of(sequences, name)
    assert points is not None
    first, second = cuts(points, times)
    if second < first:
        raise UserError([f"--eval_args: split {{time: {points}}}: {date_of(second)} lies before {date_of(first)}"])
    part = (times >= first).astype(np.int8) + (times >= second)
    is_first = sequences.begin.numpy() == np.arange(len(times))
    train = np.flatnonzero((part == 0) & (with_firsts | ~is_first))
    held_out = [np.flatnonzero((part == number) & ~is_first) for number in (1, 2)]
    most, users = config["requests_per_user"], sequences.columns[user_field].numpy()
    if most:
        keys = np.random.default_rng(0).random(len(times))
        held_out = [_some(rows, users[rows], keys[rows], most) for rows in held_out]
    return [train, *held_out]


def times_of(sequences: Sequences, name: str) -> Times:
    """Return the times of all interactions, where a `UserError` says that there must be some."""
    if sequences.times is None:
        raise UserError([f"--eval_args: split by time: timestamps of {name} know no clock; say --time_unit"])
    times: Times = sequences.times.numpy()
    return times


def _some(rows: Rows, users: Rows, keys: npt.NDArray[np.float64], most: int) -> Rows:
    """Keep of each user the rows with the smallest keys; ``users`` are grouped."""
    order = np.lexsort([keys, users])
    begins = np.searchsorted(users[order], users[order])
    kept = np.arange(len(order)) - begins < most
    return np.sort(rows[order[kept]])


def require_all(parts: Sequence[Any], config: Config, name: str) -> None:
    """Refuse a split by time, with a `UserError`, of which a part has no row."""
    points = points_of(config)
    empty = [what for what, part in zip(PARTS, parts, strict=True) if not len(part)]
    if points is None or not empty:
        return
    times = times_of(parts[0]._sequences, name)
    first, second = (date_of(cut) for cut in cuts(points, times))
    spanned = f"{date_of(times.min())} to {date_of(times.max())}"
    raise UserError(
        [
            f"--eval_args: split {{time: {points}}}, at {first} and {second}, leaves nothing of {name} ({spanned}) to "
            f"{' and '.join(empty)} with; choose other points"
        ]
    )
