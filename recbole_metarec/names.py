"""Items and users by name: what was learnt of numbers is taken over only where they stand for the same ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from recbole.model.abstract_recommender import AbstractRecommender, GeneralRecommender, SequentialRecommender
from torch.nn import Module

from recbole_metarec.errors import UserError

_METADATA = "names"


def register_names() -> None:
    """Make RecBole's general and sequential models know the names of what they are made for; to be called once."""
    for base in (GeneralRecommender, SequentialRecommender):
        base.__init__ = _with_names(base.__init__)


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
        self.register_load_state_dict_pre_hook(_refuse_others)

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


def mark(state: dict[str, Any]) -> None:
    """Let the weights of a checkpoint remember its names, which `load_state_dict` then compares with the model's."""
    weights = state["state_dict"] = OrderedDict(state["state_dict"])
    names = {key: state.get(key) for key in ("item_tokens", "user_tokens")}
    vars(weights)["_metadata"] = {"": {_METADATA: names}}  # where torch keeps what it compares


def check_names(model: Any, saved: Mapping[str, Sequence[str] | None]) -> None:
    """Compare the names of a checkpoint with those of a model.

    Parameters
    ----------
    model : recbole.model.abstract_recommender.AbstractRecommender
    saved : mapping
        Keys as those of `names_of`; what is not known is not compared.

    Raises
    ------
    UserError
        If a number stands for something else.
    """
    differences = [
        f"{model.dataset_name}: its {key.removesuffix('_tokens')}s are not those of the checkpoint: {difference}; "
        "give it the data that it was trained on"
        for key, names in names_of(model).items()
        if (known := saved.get(key)) is not None and (difference := _difference(known, names))
    ]
    if differences:
        raise UserError(differences)


def _refuse_others(model: Module, state_dict: Any, prefix: str, metadata: Mapping[str, Any], *_: Any) -> None:
    if not prefix:
        check_names(model, metadata.get(_METADATA, {}))


def _difference(before: Sequence[str], now: Sequence[str]) -> str:
    if list(before) == list(now):
        return ""
    counted = {"new": sorted({*now} - {*before}), "missing": sorted({*before} - {*now})}
    found = [f"{len(names)} {how}, as {names[0]!r}" for how, names in counted.items() if names]
    return " and ".join(found) or "they come in another order"
