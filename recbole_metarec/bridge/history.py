"""What a user had before the one to be found, which is no candidate when history is masked, and in which order.

A loader may be asked to leave the history to who ranks, so that one pass ranks with and without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.interaction import Interaction
from scipy.sparse import csr_array
from torch import Tensor

from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.settings.protocol import points_of


@contextmanager
def ranked_both_ways(loader: Any) -> Iterator[None]:
    """Let an evaluation of a loader find ranks with history masked and with all items, if it ranks among all.

    Parameters
    ----------
    loader : recbole.data.dataloader.AbstractDataLoader
    """
    loader.ranks_both_ways = isinstance(loader, FullSortEvalDataLoader)
    try:
        yield
    finally:
        del loader.ranks_both_ways


def ranks_both_ways(loader: Any) -> bool:
    """Whether a loader stands within `ranked_both_ways`."""
    return bool(vars(loader).get("ranks_both_ways", False))


def history_index(loader: Any, index: Any, rows: Interaction) -> tuple[Tensor, Tensor]:
    """List the earlier items of a batch of evaluation rows, a target that is a repetition among them.

    Parameters
    ----------
    loader : recbole.data.dataloader.FullSortEvalDataLoader
        The loader of the batch.
    index : sequence of int
        Which of the loader's rows (sequential models) the batch has.
    rows : Interaction
        The batch.

    Returns
    -------
    row, item : LongTensor, shape (n,)
        Index pairs into the (rows, items) matrix of scores.
    """
    dataset = loader._dataset
    if not loader.is_sequential:
        users = rows[dataset.uid_field].numpy()
        row, item = _earlier_items(loader)[users].nonzero()
        return torch.from_numpy(row).long(), torch.from_numpy(item).long()
    if isinstance(dataset, DomainDataset):
        return dataset.history(dataset.inter_feat[np.asarray(index)])
    # RecBole's other sequential datasets keep no more of a history than the window.
    items = rows[dataset.iid_field + dataset.config["LIST_SUFFIX"]]
    row, column = torch.nonzero(items, as_tuple=True)
    return row, items[row, column]


def wants_single_targets(loader: Any) -> bool:
    """Whether candidates hang on the time of a target, so that each of a user's targets is a row of its own."""
    config, dataset = loader.config, loader._dataset
    by_time = config["known_items"] or points_of(config) is not None
    return bool(by_time) and not loader.is_sequential and hasattr(dataset, "_sequences")


def single_targets(loader: Any, rows: Interaction) -> tuple[Interaction, Tensor]:
    """Make a row of each target of a batch's users, for a general model.

    Parameters
    ----------
    loader : recbole.data.dataloader.FullSortEvalDataLoader
        The loader of a batch; its dataset is sorted by user.
    rows : Interaction
        The batch: its users.

    Returns
    -------
    rows : Interaction
        Users as often as they have targets, oldest first.
    target : LongTensor, shape (n_targets,)
        Rows of the targets in the loader's dataset.
    """
    dataset = loader._dataset
    users = dataset.inter_feat[dataset.uid_field]
    wanted = rows[dataset.uid_field]
    begin, end = torch.searchsorted(users, wanted), torch.searchsorted(users, wanted, right=True)
    of_row = torch.repeat_interleave(torch.arange(len(wanted)), end - begin)
    nth = torch.arange(len(of_row)) - torch.searchsorted(of_row, of_row)
    return rows[of_row], begin[of_row] + nth


def oldest_first(loader: Any, rows: Interaction, row: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
    """Put each row's targets, which RecBole keeps as a set, into the order in which the user had them.

    Parameters
    ----------
    loader : recbole.data.dataloader.FullSortEvalDataLoader
        The loader of a batch, of a general model.
    rows : Interaction
        The batch: its users.
    row, item : LongTensor, shape (n,)
        Row of the batch and number of each target.

    Returns
    -------
    row, item : LongTensor, shape (n,)
        The same pairs.
    """
    dataset = loader._dataset
    if not hasattr(loader, "first_places"):
        users, items = (dataset.inter_feat[field].numpy() for field in (dataset.uid_field, dataset.iid_field))
        loader.first_places = np.unique(users * dataset.item_num + items, return_index=True)
    pairs, places = loader.first_places
    wanted = rows[dataset.uid_field].numpy()[row] * dataset.item_num + item.numpy()
    order = np.lexsort([places[np.searchsorted(pairs, wanted)], row.numpy()])
    return row[order], item[order]


def _earlier_items(loader: Any) -> csr_array:
    """Return a (users, items) matrix of the splits before the loader's own, made once for a loader."""
    if not hasattr(loader, "earlier_items"):
        sampler, dataset = loader._sampler, loader._dataset
        earlier = [split.inter_feat for split in sampler.datasets[: sampler.phases.index(sampler.phase)]]
        users, items = (torch.cat([rows[f] for rows in earlier]) for f in (dataset.uid_field, dataset.iid_field))
        shape = (dataset.user_num, dataset.item_num)
        loader.earlier_items = csr_array((np.ones(len(users), bool), (users.numpy(), items.numpy())), shape=shape)
    matrix: csr_array = loader.earlier_items
    return matrix
