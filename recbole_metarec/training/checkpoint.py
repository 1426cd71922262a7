"""Checkpoints of plain values and tensors: nothing is unpickled, never half written, with the names of their items.

A checkpoint is one file in the form of safetensors: tensors under names that say where they stand, all else as JSON in
the header. Those of format 1, which torch wrote, are told by their content and read, too.
"""

from __future__ import annotations

import errno
import os
import platform
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from recbole_metarec import __version__
from recbole_metarec.errors import UserError
from recbole_metarec.files import whole_file, writes
from recbole_metarec.training import tensor_file
from recbole_metarec.training.form import (
    FORMAT,
    OLD_FORMAT,
    TREE,
    check_format,
    is_tensor_file,
    named_when_damaged,
    require_weights,
)
from recbole_metarec.training.packing import pack, unpack
from recbole_metarec.training.tree import flatten, unflatten

_ORIGIN = "names"


def save(path: Path, state: Mapping[str, Any], read_back: bool = False) -> None:
    """Write a checkpoint so that it exists whole or not at all.

    Parameters
    ----------
    path : Path
        Where it goes; a file of that name is replaced at the end.
    state : mapping
        Plain values, tensors, arrays and sparse matrices; ``format`` and ``versions`` are added. A tensor that stands
        in several places is written once.
    read_back : bool
        Whether to read what was written, and to put it in place only if it is the same.

    Raises
    ------
    TypeError
        If a value is of another type.
    OSError
        If it cannot be written; it names ``path``.
    """
    if not writes():
        return
    versions = {"recbole_metarec": __version__, "torch": torch.__version__, "python": platform.python_version()}
    tree, tensors = flatten(pack({**state, "format": FORMAT, "versions": versions}))
    with whole_file(path) as file:
        written = tensor_file.write(file, tensors, {"format": FORMAT, TREE: tree})
        if read_back and _sum_of(file) != written:
            raise OSError(errno.EIO, "what was read back is not what was written", str(path))


def _sum_of(file: BinaryIO) -> int:
    file.flush()
    os.fsync(file.fileno())
    total = 0
    with open(file.name, "rb") as again:
        while part := again.read(1 << 20):
            total = zlib.crc32(part, total)
    return total


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint without unpickling code.

    On the CPU tensors are read from the disk where they are used, as long as the file is of `FORMAT`.

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
        If the file is missing, damaged, of a newer version or none of this package's checkpoints.
    """
    if not path.is_file():
        raise UserError([f"{path}: no such checkpoint"])
    state = _load_tensor_file(path, device) if is_tensor_file(path) else _load_old(path, device)
    if "state_dict" in state:
        mark(state, str(path))
    return state


def _load_tensor_file(path: Path, device: torch.device | str) -> dict[str, Any]:
    try:
        with tensor_file.opened(path, device) as file:
            check_format(path, file.texts.get("format"))
            with named_when_damaged(path):
                state = unpack(unflatten(file.texts[TREE], file.tensor))
    except UserError:
        raise
    except ValueError as error:
        raise UserError([f"{path}: not a checkpoint of this package, or cut off ({error})"]) from error
    if not isinstance(state, dict):
        raise UserError([f"{path}: is damaged: it holds a {type(state).__name__}"])
    return {**state, "format": FORMAT}


def _load_old(path: Path, device: torch.device | str) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UserError([f"{path}: not a checkpoint of this package, or damaged"]) from error
    check_format(path, state.get("format") if isinstance(state, dict) else None, OLD_FORMAT)
    with named_when_damaged(path):
        found: dict[str, Any] = unpack(state)
        return found


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
    require_weights(state, file)
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
