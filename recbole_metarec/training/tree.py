"""A tree of plain values and tensors as one JSON text, with names in the place of its tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_metarec.training.tree_reader import (
    COMPLEX,
    DICT,
    FLOAT,
    SPARSE,
    TENSOR,
    TEXTS,
    TUPLE,
    TreeReader,
    read_texts,
)

# Lists of so many texts and more, as of item names, become two tensors: UTF-8, and where each text ends.
_MANY = 100


def flatten(value: Any) -> tuple[str, dict[str, Tensor]]:
    """Write a tree as JSON and tensors; a tensor that stands in several places is one.

    Parameters
    ----------
    value : object
        Dicts, lists and tuples of numbers, texts, truth values, ``None`` and tensors.

    Returns
    -------
    tree : str
        JSON, ASCII alone.
    tensors : dict of str to Tensor
        By names that say where in the tree they stand, as ``state_dict.item_embedding.weight``.

    Raises
    ------
    TypeError
        If a value is of another type.
    """
    writer = _Writer()
    return json.dumps(writer.node("", value), allow_nan=False, separators=(",", ":")), writer.tensors


def unflatten(tree: str, get: Callable[[str], Tensor]) -> Any:
    """Read what `flatten` wrote.

    Parameters
    ----------
    tree : str
    get : callable
        Gives the tensor of a name.

    Returns
    -------
    object

    Raises
    ------
    KeyError, TypeError, ValueError, RecursionError
        If it is not what `flatten` writes.
    """
    return _Reader(get).value(json.loads(tree))


class _Writer:
    """Gives each tensor a name, the same one twice the same."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._known: dict[tuple[Any, ...], str] = {}

    def node(self, place: str, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {FLOAT: str(value)}
        if isinstance(value, Tensor):
            return self._tensor(place, value)
        if isinstance(value, dict):
            return self._dict(place, value)
        if isinstance(value, (list, tuple)):
            return self._list(place, value)
        raise TypeError(f"a checkpoint of plain values cannot hold a {type(value).__name__}")

    def _dict(self, place: str, value: Mapping[Any, Any]) -> Any:
        is_plain = all(isinstance(key, str) and not key.startswith("$") for key in value)
        if is_plain and len(value) < _MANY:
            return {key: self.node(_join(place, key), each) for key, each in value.items()}
        if all(isinstance(each, str) for each in value.values()):
            return {DICT: [self.node(_join(place, part), [*getattr(value, part)()]) for part in ("keys", "values")]}
        keys = self.node(_join(place, "keys"), [*value])
        return {DICT: [keys, [self.node(_join(place, str(key)), each) for key, each in value.items()]]}

    def _list(self, place: str, value: list[Any] | tuple[Any, ...]) -> Any:
        if isinstance(value, tuple):
            return {TUPLE: [self.node(_join(place, str(number)), each) for number, each in enumerate(value)]}
        if len(value) >= _MANY and all(isinstance(each, str) for each in value):
            return {TEXTS: [self._tensor(_join(place, name), part) for name, part in _texts(value)]}
        return [self.node(_join(place, str(number)), each) for number, each in enumerate(value)]

    def _tensor(self, place: str, tensor: Tensor) -> Any:
        tensor = tensor.detach()
        if tensor.layout == torch.sparse_coo:
            whole = tensor.coalesce()
            parts = [self._tensor(_join(place, n), p) for n, p in (("at", whole.indices()), ("of", whole.values()))]
            return {SPARSE: parts, "shape": list(tensor.shape)}
        if tensor.layout != torch.strided or tensor.is_meta:
            raise TypeError(
                f"a checkpoint cannot hold the tensor {place}, of layout {tensor.layout}, on {tensor.device}"
            )
        if tensor.is_complex():
            return {COMPLEX: self._tensor(place, torch.view_as_real(tensor.resolve_conj()))[TENSOR]}
        key = (tensor.data_ptr(), tensor.device, tensor.dtype, tensor.shape, tensor.stride())
        name = self._known.get(key) if tensor.numel() else None
        if name is None:
            name = next(each for each in _numbered(place) if each not in self.tensors)
            self.tensors[name] = tensor  # which keeps its memory from becoming another's
            self._known[key] = name
        return {TENSOR: name}


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _numbered(place: str) -> Iterator[str]:
    yield place
    number = 1
    while True:
        number += 1
        yield f"{place}~{number}"


def _texts(texts: list[str]) -> Iterator[tuple[str, Tensor]]:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    yield "utf8", torch.frombuffer(bytearray(b"".join(encoded)) or bytearray(1), dtype=torch.uint8)
    yield "ends", torch.from_numpy(np.cumsum([len(text) for text in encoded], dtype=np.int64))


class _Reader(TreeReader):
    """Gives tensors."""

    def texts(self, utf8: Tensor, ends: Tensor) -> list[str]:
        """Return texts."""
        return read_texts(utf8.cpu().numpy(), ends.cpu().numpy())

    def complex(self, parts: Tensor) -> Tensor:
        """Return complex numbers."""
        return torch.view_as_complex(parts)

    def sparse(self, at: Tensor, of: Tensor, shape: list[int]) -> Tensor:
        """Return a sparse tensor."""
        return torch.sparse_coo_tensor(at, of, shape, check_invariants=True).coalesce()
