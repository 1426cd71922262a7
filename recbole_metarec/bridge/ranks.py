"""Ranks of a split's targets: the catalogue encoded once, rows of like length together, no matrix of users by items."""

# Shapes: V sets of weights, N rows, B rows at a time, L positions, I items, C sampled candidates, D width.

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from torch import Tensor

from recbole_metarec.bridge.candidates import FixedSampler
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.recommender import DomainRecommender
from recbole_metarec.bridge.rows import TARGET_ROW
from recbole_metarec.bridge.stamped import first_days, request_days
from recbole_metarec.evaluation.ranking import rank_targets, within_rows
from recbole_metarec.evidence.weights import EvidenceWeights
from recbole_metarec.training import world

# Sequences that are ranked, and that are encoded, at a time.
RANKED_ROWS, ENCODED_ROWS = 8192, 256


def can_stream(eval_data: Any) -> bool:
    """Whether a loader's rows can be ranked by `stream_ranks`."""
    known = isinstance(eval_data, FullSortEvalDataLoader) or isinstance(eval_data._sampler, FixedSampler)
    return known and isinstance(eval_data._dataset, DomainDataset)


@torch.no_grad()
def stream_ranks(
    model: DomainRecommender, eval_data: Any, trials: Sequence[EvidenceWeights], masks: Sequence[bool]
) -> Tensor:
    """Rank the targets of all rows with one set of weights after the other, with history masked, without, or both.

    Parameters
    ----------
    model : DomainRecommender
    eval_data : recbole.data.dataloader.AbstractDataLoader
        A loader that `can_stream`.
    trials : sequence of EvidenceWeights
    masks : sequence of bool
        ``[False]``, ``[True]`` or ``[False, True]``: whether what a user had before is no candidate. What else is none
        the dataset's ``known_items`` says.

    Returns
    -------
    LongTensor, shape (len(trials) * len(masks), N)
        On the CPU, the rankings of a trial one behind the other; see `rank_targets`.
    """
    device, dataset = model.device, eval_data._dataset
    rows = dataset.inter_feat
    items_ID = model.catalogue()[1]
    first_I = _first_days(dataset, device)
    ranks = torch.zeros(len(trials) * len(masks), len(rows), dtype=torch.long)
    for index in _dealt(model, dataset, rows).split(RANKED_ROWS):
        part, states_BD = rows[index], encode(model, rows[index])
        targets_B = part[model.ITEM_ID].to(device)
        history = _history(dataset, part, device) if True in masks else None
        days = None if first_I is None else (first_I, _days(dataset, part, device))
        sampled_BC = _sampled(model, eval_data, part)
        joined = partial(_joined, model, part, trials)
        if history is not None and False in masks:
            joined, history = partial(_then_masked, joined, history), None
        ranks[:, index] = rank_targets(states_BD, items_ID, targets_B, history, sampled_BC, days, joined).cpu()
    world.sum_([ranks])  # each row's is 0 but in the process that has it
    return ranks


def encode(model: DomainRecommender, rows: Any) -> Tensor:
    """Compute the states of rows, those of like length together, shape (n_rows, D)."""
    lengths = rows[model.ITEM_SEQ_LEN]
    order = lengths.argsort(stable=True)
    states = []
    for few in order.split(ENCODED_ROWS):
        part = rows[few].shortened(int(lengths[few].max()))
        states.append(model(part[model.ITEM_SEQ].to(model.device), part[model.ITEM_SEQ_LEN].to(model.device)))
    states_BD = torch.cat(states)
    return states_BD[order.argsort().to(states_BD.device)]


def _dealt(model: DomainRecommender, dataset: DomainDataset, rows: Any) -> Tensor:
    """Return the rows that this process ranks, in the order of `_order`: some days each, or some of each length."""
    order = _order(model, dataset, rows)
    if model.evidence.timed is not None:
        return order[world.part_of(len(order))]
    return order[world.number() :: world.size()]


def _order(model: DomainRecommender, dataset: DomainDataset, rows: Any) -> Tensor:
    """Return rows in the order in which it is cheapest to rank them: requests of one day share what is counted."""
    days = request_days(dataset, rows[TARGET_ROW]) if model.evidence.timed is not None else None
    return (rows[model.ITEM_SEQ_LEN] if days is None else days).argsort(stable=True)


def _first_days(dataset: DomainDataset, device: torch.device) -> Tensor | None:
    """Return from which day on each item is known, where that decides on candidates."""
    first_I = first_days(dataset) if dataset.config["known_items"] else None
    return None if first_I is None else first_I.to(device)


def _days(dataset: DomainDataset, part: Any, device: torch.device) -> Tensor:
    day_B = request_days(dataset, part[TARGET_ROW])
    assert day_B is not None
    return day_B.to(device)


def _history(dataset: DomainDataset, part: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    row, item = dataset.history(part)
    return row.to(device), item.to(device)


def _sampled(model: DomainRecommender, eval_data: Any, part: Any) -> Tensor | None:
    if isinstance(eval_data, FullSortEvalDataLoader):
        return None
    users, items = part[model.USER_ID], part[model.ITEM_ID]
    sampled_BC: Tensor = eval_data._sampler.of_targets(users, items, eval_data.neg_sample_args["sample_num"])
    return sampled_BC.to(model.device)


def _joined(
    model: DomainRecommender, part: Any, trials: Sequence[EvidenceWeights], scores_BI: Tensor, rows: slice
) -> Iterator[Tensor]:
    few = part[rows]
    return model.joined(scores_BI, few.shortened(int(few[model.ITEM_SEQ_LEN].max())), trials)


def _then_masked(
    joined: Callable[[Tensor, slice], Iterator[Tensor]],
    history: tuple[Tensor, Tensor],
    scores_BI: Tensor,
    rows: slice,
) -> Iterator[Tensor]:
    """Yield each of what is ranked as it is, then without what a history has: no item's score hangs on another's."""
    index = within_rows(history, rows)
    for joined_BI in joined(scores_BI, rows):
        yield joined_BI
        kept = joined_BI[index]
        joined_BI[index] = -torch.inf
        yield joined_BI
        joined_BI[index] = kept
