"""Checkpoints of plain values and tensors: no pickled classes, never half written, with the names of their items."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from recbole_metarec.errors import UserError
from recbole_metarec.files import whole_file

FORMAT = "recbole_metarec/1"

_ORIGIN = "names"


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint so that it exists whole or not at all.

    Parameters
    ----------
    path : Path
        Where it goes; a file of that name is replaced at the end.
    state : mapping
        Plain values and tensors; `FORMAT` is added.

    Raises
    ------
    OSError
        If it cannot be written; it names ``path``.
    """
    with whole_file(path) as file:
        try:
            torch.save({"format": FORMAT, **state}, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # what torch's writer says instead tells nothing
                raise error.__context__ from None
            raise


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
        If the file is missing, damaged or none of this package's checkpoints.
    """
    if not path.is_file():
        raise UserError([f"{path}: no such checkpoint"])
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UserError([f"{path}: not a checkpoint of this package ({type(error).__name__})"]) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError([f"{path}: not a checkpoint of format {FORMAT}"])
    if "state_dict" in state:
        mark(state, str(path))
    return state


def mark(state: dict[str, Any], file: str) -> None:
    """Let the weights of a checkpoint remember its file and its names, for hooks of ``load_state_dict``.

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
    origin = {"file": file, **{key: state.get(key) for key in ("item_tokens", "user_tokens")}}
    vars(weights)["_metadata"] = {"": {_ORIGIN: origin}}  # what load_state_dict hands to hooks


def origin_of(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what `mark` wrote: ``file``, ``item_tokens``, ``user_tokens``; ``None`` for other weights.

    Parameters
    ----------
    metadata : mapping
        That a hook of ``load_state_dict`` is given.

    Returns
    -------
    mapping, or None
    """
    return metadata.get(_ORIGIN)


@contextmanager
def named_when_damaged(path: str | Path) -> Iterator[None]:
    """Let what fails while a checkpoint's values are taken over say which file it is.

    Parameters
    ----------
    path : path
        Of the checkpoint.

    Raises
    ------
    UserError
        If a value is missing or of another type or size than is wanted.
    """
    try:
        yield
    except UserError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError([f"{path}: is damaged: {type(error).__name__}: {reason}"]) from error
