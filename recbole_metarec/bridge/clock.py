"""The exact times of a dataset, which RecBole rounds, and the order of interactions that have the same."""

from __future__ import annotations

from collections.abc import Callable
from logging import getLogger
from typing import Any

import numpy as np
import numpy.typing as npt
from recbole.config import Config
from recbole.data.dataset import Dataset

from recbole_metarec.bridge.grouping import Rows
from recbole_metarec.domains.clock import Times, find_clock, seconds
from recbole_metarec.errors import UserError

# Neighbours of one timestamp that show an order: their share of all neighbours, their number, the share in order.
_SHARE_TIED, _FEWEST_TIED, _SHARE_ORDERED = 0.2, 50, 0.8


def exact_times(dataset: Dataset) -> Times | None:
    """Return when each interaction was, in seconds since 1970, and log what its timestamps are.

    Parameters
    ----------
    dataset : recbole.data.dataset.Dataset
        Its interactions still a frame.

    Returns
    -------
    float64 array, shape (n_interactions,), or None
        ``None`` if nothing knows.

    Raises
    ------
    UserError
        If timestamps are of several units.
    """
    frame, field = dataset.inter_feat, dataset.time_field
    if field not in frame or frame[field].dtype != np.float64:
        return None
    return known_times(frame[field].to_numpy(), dataset.config)


def known_times(stamps: Times, config: Config) -> Times | None:
    """Return when interactions of a domain were, and log what their timestamps are; see `exact_times`.

    Parameters
    ----------
    stamps : float64 array, shape (n_interactions,)
        Their timestamps.
    config : recbole.config.Config
        The domain's.

    Returns
    -------
    float64 array, shape (n_interactions,), or None
    """
    name = config["dataset"]
    clock = find_clock(stamps, config["time_unit"] or "auto")
    if clock.problem:
        raise UserError([f"{name}: {clock.problem}"])
    getLogger().info(f"{name}: timestamps are {clock.what}")
    if clock.warning:
        getLogger().warning(f"{name}: {clock.warning}")
    return None if clock.unit is None else seconds(stamps, clock.unit)


def rows_to_sort(dataset: Dataset) -> Rows | None:
    """Return rows in the order in which ties of time are to stand; ``None`` for that of the file."""
    if not dataset.config["shuffle_ties"]:
        return None
    return np.random.default_rng(dataset.config["seed"]).permutation(len(dataset.inter_feat))


def warn_of_ties(
    config: Config,
    neighbours: npt.NDArray[np.bool_],
    items: npt.NDArray[Any],
    stamps: Times,
    tokens: Callable[[], npt.NDArray[Any]],
) -> None:
    """Warn of timestamps that many interactions of a user share, if those stand in the order of items' names.

    Parameters
    ----------
    config : recbole.config.Config
        The domain's.
    neighbours : bool array, shape (n_interactions - 1,)
        Whether each interaction but the first is of the user of the one before; users stand one behind the other.
    items : int array, shape (n_interactions,)
        A user's oldest first.
    stamps : float64 array, shape (n_interactions,)
    tokens : callable
        Returns the name of each item, the padding's first.
    """
    if config["shuffle_ties"]:
        return
    tied = neighbours & (stamps[1:] == stamps[:-1])
    n_tied = int(tied.sum())
    earlier, later = items[:-1][tied], items[1:][tied]
    differ = earlier != later
    if n_tied < _SHARE_TIED * neighbours.sum() or differ.sum() < _FEWEST_TIED:
        return
    for ranks in _orders(tokens()):
        rising = float((ranks[earlier] < ranks[later])[differ].mean())
        share, order = max((rising, "rising"), (1 - rising, "falling"))
        if share > _SHARE_ORDERED:
            getLogger().warning(
                f"{config['dataset']}: {n_tied / neighbours.sum():.0%} of a user's neighbouring interactions have "
                f"one timestamp, and {share:.0%} of these stand in {order} order of item names, which models learn; "
                "write --shuffle_ties=True to have them in random order"
            )
            return


def _orders(tokens: npt.NDArray[Any]) -> list[Rows]:
    """Return the place of each item by name and, where names are whole numbers, by number; padding is first."""
    names = tokens[1:].astype(str)
    keys = [names, names.astype(float)] if np.char.isdigit(names).all() else [names]
    return [np.concatenate([[0], 1 + np.argsort(np.argsort(key, kind="stable"))]) for key in keys]
