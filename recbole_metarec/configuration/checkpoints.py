"""The checkpoints that settings name, to go on from or to begin from: whether they can be that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from recbole_metarec.errors import UserError
from recbole_metarec.training import checkpoint

# What a run that goes on takes from every checkpoint.
_RESUMED: dict[str, type | tuple[type, ...]] = {
    "config": dict,
    "epoch": int,
    "cur_step": int,
    "best_valid_score": (int, float),
    "state_dict": dict,
    "other_parameter": dict,
    "optimizer": dict,
    "rng": Tensor,
}


def check_origin(path: Path, state: Mapping[str, Any], settings: Any) -> None:
    """Check that a checkpoint is of the model, target and sources of the run that is to go on.

    Parameters
    ----------
    path : Path
        Of the checkpoint.
    state : mapping
        What `training.checkpoint.load` returned.
    settings : mapping or recbole.config.Config
        Of the run.

    Raises
    ------
    UserError
        If model, target, sources or beginning are others, or the file is damaged or no trained model.
    """
    if not {"config", "epoch", "state_dict"} <= state.keys():
        raise UserError([f"{path}: is no trained model, so that no run can go on from it"])
    damaged = [
        f"{path}: is damaged: {key} is {f'of type {type(state[key]).__name__}' if key in state else 'missing'}"
        for key, kind in _RESUMED.items()
        if not isinstance(state.get(key), kind) or isinstance(state[key], bool)
    ]
    if damaged:
        raise UserError(damaged)
    problems = [
        f"{path}: is of {key} {state['config'].get(key)}, not of {settings[key]}"
        for key in ("model", "dataset", "source_datasets", "init_from")
        if (state["config"].get(key) or []) != (settings[key] or [])
    ]
    if problems:
        raise UserError(problems)


def load_beginning(file: str, model: str) -> dict[str, Any]:
    """Read the checkpoint that a run begins from.

    Parameters
    ----------
    file : str
        As ``init_from`` names it.
    model : str
        Name of the model that is to be trained.

    Returns
    -------
    dict

    Raises
    ------
    UserError
        If there is none, or it is none of this model.
    """
    state = checkpoint.load(Path(file))
    config, tokens = state.get("config"), state.get("item_tokens")
    if not isinstance(config, dict) or not isinstance(tokens, list) or "state_dict" not in state:
        raise UserError([f"{file}: is no trained model, so that no run can begin from it"])
    if config.get("model") != model:
        raise UserError([f"{file}: is of model {config.get('model')}, not of {model}"])
    return state
