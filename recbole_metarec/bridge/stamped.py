"""What all interactions, at their exact times, say of rows: what came before a target, and which items there were."""

# Shapes: B rows, I items (column 0 is padding).

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.data.interaction import Interaction
from torch import Tensor

from recbole_metarec.bridge.clock import exact_times
from recbole_metarec.bridge.rows import TARGET_ROW, Sequences, begins
from recbole_metarec.domains.clock import days, spans_days
from recbole_metarec.domains.requests import first_days as first_days_of
from recbole_metarec.domains.sorting import sort_ids


class Stamp:
    """All interactions of a dataset that has none but RecBole's rows, kept before RecBole rounds their times.

    Parameters
    ----------
    dataset : recbole.data.dataset.Dataset
        Its interactions a frame still, sorted by time.
    """

    def __init__(self, dataset: Dataset) -> None:
        times, frame = exact_times(dataset), dataset.inter_feat
        users, items = (frame[field].to_numpy() for field in (dataset.uid_field, dataset.iid_field))
        order = sort_ids(users)
        columns = {dataset.uid_field: torch.from_numpy(users[order]), dataset.iid_field: torch.from_numpy(items[order])}
        exact = None if times is None else torch.from_numpy(times[order])
        self._sequences = Sequences(columns, {}, begins(users[order]), 0, "", exact)
        self._places = torch.empty(len(order), dtype=torch.long)
        self._places[torch.from_numpy(order)] = torch.arange(len(order))

    def put_on(self, dataset: Dataset) -> None:
        """Give the dataset the sequences, and each row the place of its interaction there."""
        dataset._sequences = self._sequences
        dataset.inter_feat.update(Interaction({TARGET_ROW: self._places}))


def stamp_of(dataset: Dataset) -> Stamp | None:
    """Return the stamp of a dataset of a run of this package, unless its rows are sequences already."""
    if dataset.config["known_items"] is None or isinstance(dataset, SequentialDataset):
        return None
    return Stamp(dataset)


def request_days(dataset: Any, target_B: Tensor) -> Tensor | None:
    """Return the day since 1970 of each target, shape (B,); ``None`` if nothing knows the time."""
    sequences: Sequences | None = getattr(dataset, "_sequences", None)
    if sequences is None or sequences.times is None:
        return None
    return torch.from_numpy(days(sequences.times[target_B].numpy()))


def first_days(dataset: Any) -> Tensor | None:
    """Return the day since 1970 on which someone known first had each item, shape (I,), found once for a dataset.

    See `requests.first_days`; ``None`` if nothing knows the time.
    """
    sequences: Sequences | None = getattr(dataset, "_sequences", None)
    if sequences is None or sequences.times is None:
        return None
    found: Tensor | None = vars(dataset).get("_first_days")
    if found is None:
        items, times = sequences.columns[dataset.iid_field].numpy(), sequences.times.numpy()
        known = getattr(dataset, "_known", None)
        if known is not None:
            items, times = items[known.numpy()], times[known.numpy()]
        found = torch.from_numpy(first_days_of(items, times, dataset.item_num - 1))
        dataset._first_days = found
    return found


def unseen_share(dataset: Any) -> float | None:
    """Return the share of a split's targets that nobody known had on an earlier day.

    ``None`` if nothing knows, or there are too few days to tell.
    """
    first_I, rows = first_days(dataset), dataset.inter_feat
    if first_I is None or not len(rows) or not spans_days(dataset._sequences.times.numpy()):
        return None
    day_B = request_days(dataset, rows[TARGET_ROW])
    assert day_B is not None
    return float(np.mean((first_I[rows[dataset.iid_field]] >= day_B).numpy()))


def no_candidates(dataset: Any, target_B: Tensor, masks_history: bool) -> Tensor:
    """Return which items are no candidates for targets: those of later days with ``known_items``, perhaps a history.

    Parameters
    ----------
    dataset : recbole.data.dataset.Dataset
        Of which ``_sequences`` are all interactions.
    target_B : LongTensor, shape (B,)
        Places of the targets there.
    masks_history : bool
        Whether what a user had before is no candidate.

    Returns
    -------
    BoolTensor, shape (B, I)
    """
    mask_BI = torch.zeros(len(target_B), dataset.item_num, dtype=torch.bool)
    if dataset.config["known_items"]:
        first_I, day_B = first_days(dataset), request_days(dataset, target_B)
        if first_I is not None and day_B is not None:
            mask_BI |= first_I >= day_B[:, None]
    if masks_history:
        mask_BI[dataset._sequences.history(dataset.iid_field, target_B)] = True
    return mask_BI
