"""Checkpoints of plain values and tensors: no pickled classes, never half written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from recbole_metarec.config import from_plain
from recbole_metarec.errors import UserError
from recbole_metarec.files import whole_file

FORMAT = "recbole_metarec/1"


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint so that it exists whole or not at all.

    Parameters
    ----------
    path : Path
        Where it goes; a file of that name is replaced at the end.
    state : mapping
        Plain values and tensors; `FORMAT` is added.
    """
    with whole_file(path) as file:
        torch.save({"format": FORMAT, **state}, file)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint without unpickling code.

    Parameters
    ----------
    path : Path
        A file that `save` wrote.
    device : torch.device or str
        Where tensors go.

    Returns
    -------
    dict

    Raises
    ------
    UserError
        If the file is missing or none of this package's checkpoints.
    """
    if not path.is_file():
        raise UserError([f"{path}: no such checkpoint"])
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UserError([f"{path}: not a checkpoint of this package ({type(error).__name__})"]) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError([f"{path}: not a checkpoint of format {FORMAT}"])
    return state


def restore(state: Any) -> Any:
    """Turn a loaded checkpoint into what RecBole expects: the configuration as a Config object.

    Parameters
    ----------
    state : object
        What ``torch.load`` returned; anything but this package's checkpoints passes unchanged.

    Returns
    -------
    object
    """
    if isinstance(state, dict) and state.get("format") == FORMAT:
        return {**state, "config": from_plain(state["config"])}
    return state
