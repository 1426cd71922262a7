"""Items and users by name: what was learnt of numbers is taken over only where they stand for the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch.nn import Module

from recbole_metarec.errors import UserError
from recbole_metarec.training.checkpoint import origin_of
from recbole_metarec.training.tensors import check_tensors


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
    names = getattr(model, "field_names", {})
    return {f"{kind}_tokens": [str(name) for name in names[kind][1:]] for kind in kinds if kind in names}


def refuse_others(model: Module, state_dict: Any, prefix: str, metadata: Mapping[str, Any], *_: Any) -> None:
    """Check what a model loads, before ``load_state_dict`` takes it over.

    Parameters
    ----------
    model, state_dict, prefix, metadata
        See ``torch.nn.Module.register_load_state_dict_pre_hook``.

    Raises
    ------
    UserError
        If it comes from a checkpoint of this package, and the names or tensors there are not those of the model.
    """
    saved = origin_of(metadata)
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
    parts = [f"{len(names)} {how}, as {names[0]!r}" for how, names in counted.items() if names]
    return " and ".join(parts) or "they come in another order"
