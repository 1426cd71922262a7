"""Runs that begin from the weights of a checkpoint, with other data: items are matched by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from logging import getLogger
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recbole_metarec.bridge.names import names_of
from recbole_metarec.errors import UserError
from recbole_metarec.features.text import TextSpace
from recbole_metarec.models import SPECS
from recbole_metarec.training.form import named_when_damaged
from recbole_metarec.training.tensors import check_tensors

if TYPE_CHECKING:
    from recbole_metarec.bridge.recommender import DomainRecommender


def take_over(model: DomainRecommender, state: Mapping[str, Any], file: str) -> None:
    """Give a model the weights of a checkpoint; items that the checkpoint does not know keep what was drawn for them.

    Parameters
    ----------
    model : DomainRecommender
        As it was built.
    state : mapping
        What `configuration.checkpoints.load_beginning` returned.
    file : str
        For messages.

    Raises
    ------
    UserError
        If its shapes are others, or it is damaged.
    """
    table = SPECS[state["config"]["model"]].item_table
    current, saved = model.state_dict(), dict(state["state_dict"])
    tokens = names_of(model)["item_tokens"]
    with named_when_damaged(file):
        before = {token: row for row, token in enumerate(state["item_tokens"], 1)}
        pairs = [(row, before[token]) for row, token in enumerate(tokens, 1) if token in before]
        if table in saved and table in current and saved[table].shape[1:] == current[table].shape[1:]:
            saved[table] = _with_rows(current[table], saved[table], pairs, len(before))
    check_tensors(file, saved, current)
    model.load_state_dict(saved)
    new, gone = len(tokens) - len(pairs), len(before) - len(pairs)
    getLogger().info(f"{file}: {len(pairs):,} items are known from there, {new:,} are new, {gone:,} are gone")


def _with_rows(drawn: Tensor, saved: Tensor, pairs: list[tuple[int, int]], known: int) -> Tensor:
    if len(saved) != known + 1:
        raise ValueError(f"{len(saved)} rows are not those of {known} items and padding")
    rows = torch.tensor(pairs, dtype=torch.long).view(-1, 2)
    merged = drawn.clone()
    merged[rows[:, 0]] = saved[rows[:, 1]].to(merged)
    return merged


def text_space_of(state: Mapping[str, Any], file: str) -> TextSpace | None:
    """Return the space of texts that a checkpoint's model reads; ``None`` if it reads none.

    Parameters
    ----------
    state : mapping
        What `configuration.checkpoints.load_beginning` returned.
    file : str
        For messages.

    Raises
    ------
    UserError
        If the checkpoint does not say.
    """
    if "text_space" not in state:
        raise UserError([f"{file}: does not say how texts were read: it is of an unfinished run, or an older format"])
    space = state["text_space"]
    with named_when_damaged(file):
        return None if space is None else TextSpace(space["vocabulary"], space["idf"], space["projection"])
