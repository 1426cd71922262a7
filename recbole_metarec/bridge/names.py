"""Items and users by name: what was learnt of numbers is taken over only where they stand for the same ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from recbole.model.abstract_recommender import AbstractRecommender, GeneralRecommender, SequentialRecommender
from torch.nn import Module

from recbole_metarec.errors import UserError
from recbole_metarec.training.tensors import check_tensors

_METADATA = "names"


def register_names() -> None:
    """Make RecBole's models look at what they load, and general and sequential ones at its names; to be called once."""
    AbstractRecommender.__init__ = _with_check(AbstractRecommender.__init__)
    for base in (GeneralRecommender, SequentialRecommender):
        base.__init__ = _with_names(base.__init__)


def _with_check(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def init_with_check(self: AbstractRecommender) -> None:
        init(self)
        self.register_load_state_dict_pre_hook(_refuse_others)

    return init_with_check


def _with_names(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def init_with_names(self: AbstractRecommender, config: Any, dataset: Any) -> None:
        init(self, config, dataset)
        self.dataset_name = config["dataset"]
        self.field_names = {
            kind: dataset.field2id_token[field]
            for kind, field in (("item", self.ITEM_ID), ("user", self.USER_ID))
            if field in dataset.field2id_token
        }

    return init_with_names


def names_of(model: Any) -> dict[str, list[str]]:
    """List the names behind a model's numbers, from number 1.

    Parameters
    ----------
    model : recbole.model.abstract_recommender.AbstractRecommender

    Returns
    -------
    dict of str to list of str
        ``item_tokens``, and ``user_tokens`` of models that have something of each user.
    """
    kinds = ("item", "user") if hasattr(model, "n_users") else ("item",)
    known = getattr(model, "field_names", {})
    return {f"{kind}_tokens": [str(name) for name in known[kind][1:]] for kind in kinds if kind in known}


def mark(state: dict[str, Any], file: str) -> None:
    """Let the weights of a checkpoint remember its file and its names, which `load_state_dict` then looks at.

    Parameters
    ----------
    state : dict
        The checkpoint.
    file : str
        Its name.

    Raises
    ------
    UserError
        If the weights are none.
    """
    if not isinstance(state["state_dict"], dict):
        raise UserError([f"{file}: is damaged: state_dict is of type {type(state['state_dict']).__name__}"])
    weights = state["state_dict"] = OrderedDict(state["state_dict"])
    known = {"file": file, **{key: state.get(key) for key in ("item_tokens", "user_tokens")}}
    vars(weights)["_metadata"] = {"": {_METADATA: known}}  # where torch keeps what it compares


def _refuse_others(model: Module, state_dict: Any, prefix: str, metadata: Mapping[str, Any], *_: Any) -> None:
    saved = metadata.get(_METADATA)
    if not prefix and saved is not None:
        _check_names(model, saved)
        check_tensors(saved["file"], state_dict, model.state_dict())


def _check_names(model: Any, saved: Mapping[str, Any]) -> None:
    """Compare the names of a checkpoint with those of a model."""
    now = names_of(model)
    unnamed = [key for key in now if not _are_names(saved[key])]
    if unnamed:
        raise UserError([f"{saved['file']}: is damaged: {key} is no list of names" for key in unnamed])
    differences = [
        f"{model.dataset_name}: its {key.removesuffix('_tokens')}s are not those of the checkpoint: {difference}; "
        "give it the data that it was trained on"
        for key, names in now.items()
        if (difference := _difference(saved[key], names))
    ]
    if differences:
        raise UserError(differences)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _difference(before: Sequence[str], now: Sequence[str]) -> str:
    if list(before) == list(now):
        return ""
    counted = {"new": sorted({*now} - {*before}), "missing": sorted({*before} - {*now})}
    found = [f"{len(names)} {how}, as {names[0]!r}" for how, names in counted.items() if names]
    return " and ".join(found) or "they come in another order"
