"""A tree of plain values and tensors as one JSON text, with names in the place of its tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Lists of so many texts and more, as of item names, become two tensors: UTF-8, and where each text ends.
_MANY = 100

# What stands in the place of what JSON has no word for; `_DICT` also of dicts that would be taken for one of these.
_TENSOR, _COMPLEX, _SPARSE, _TEXTS, _TUPLE, _FLOAT, _DICT = (
    *("$tensor", "$complex", "$sparse", "$texts"),
    *("$tuple", "$float", "$dict"),
)


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
            return value if math.isfinite(value) else {_FLOAT: str(value)}
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
            return {_DICT: [self.node(_join(place, part), [*getattr(value, part)()]) for part in ("keys", "values")]}
        keys = self.node(_join(place, "keys"), [*value])
        return {_DICT: [keys, [self.node(_join(place, str(key)), each) for key, each in value.items()]]}

    def _list(self, place: str, value: list[Any] | tuple[Any, ...]) -> Any:
        if isinstance(value, tuple):
            return {_TUPLE: [self.node(_join(place, str(number)), each) for number, each in enumerate(value)]}
        if len(value) >= _MANY and all(isinstance(each, str) for each in value):
            return {_TEXTS: [self._tensor(_join(place, name), part) for name, part in _texts(value)]}
        return [self.node(_join(place, str(number)), each) for number, each in enumerate(value)]

    def _tensor(self, place: str, tensor: Tensor) -> Any:
        tensor = tensor.detach()
        if tensor.layout == torch.sparse_coo:
            whole = tensor.coalesce()
            parts = [self._tensor(_join(place, n), p) for n, p in (("at", whole.indices()), ("of", whole.values()))]
            return {_SPARSE: parts, "shape": list(tensor.shape)}
        if tensor.layout != torch.strided or tensor.is_meta:
            raise TypeError(
                f"a checkpoint cannot hold the tensor {place}, of layout {tensor.layout}, on {tensor.device}"
            )
        if tensor.is_complex():
            return {_COMPLEX: self._tensor(place, torch.view_as_real(tensor.resolve_conj()))[_TENSOR]}
        key = (tensor.data_ptr(), tensor.device, tensor.dtype, tensor.shape, tensor.stride())
        name = self._known.get(key) if tensor.numel() else None
        if name is None:
            name = next(each for each in _numbered(place) if each not in self.tensors)
            self.tensors[name] = tensor  # which keeps its memory from becoming another's
            self._known[key] = name
        return {_TENSOR: name}


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


class _Reader:
    """Puts values and tensors in the place of nodes; a tensor of several places is one object."""

    def __init__(self, get: Callable[[str], Tensor]) -> None:
        self._get = get
        self._tensors: dict[str, Tensor] = {}

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.value(each) for each in node]
        if not isinstance(node, dict):
            return node
        kind = next((key for key in node if key.startswith("$")), None)
        if kind is None:
            return {key: self.value(each) for key, each in node.items()}
        return self._special(kind, node[kind], node)

    def _special(self, kind: str, content: Any, node: Mapping[str, Any]) -> Any:
        if kind == _TENSOR:
            return self._tensor(content)
        if kind == _FLOAT:
            return float(content)
        if kind == _TUPLE:
            return tuple(self.value(content))
        if kind == _DICT:
            keys, values = map(self.value, content)
            return dict(zip(keys, values, strict=True))
        if kind == _TEXTS:
            return _read_texts(*(self.value(part) for part in content))
        if kind == _COMPLEX:
            return torch.view_as_complex(self._tensor(content))
        if kind == _SPARSE:
            at, of = (self.value(part) for part in content)
            return torch.sparse_coo_tensor(at, of, node["shape"], check_invariants=True).coalesce()
        raise ValueError(f"{kind} is no kind of value")

    def _tensor(self, name: str) -> Tensor:
        if name not in self._tensors:
            self._tensors[name] = self._get(name)
        return self._tensors[name]


def _read_texts(utf8: Tensor, ends: Tensor) -> list[str]:
    content, bounds = utf8.cpu().numpy(), np.concatenate([[0], ends.cpu().numpy()])
    if bounds[-1] > len(content) or (np.diff(bounds) < 0).any():
        raise ValueError("the ends of texts do not rise, or lie beyond them")
    text = content[: bounds[-1]].tobytes().decode("utf-8", "surrogatepass")
    within = np.flatnonzero((content & 0xC0) == 0x80)  # bytes with which no character begins
    bounds = bounds - np.searchsorted(within, bounds)
    return [text[begin:end] for begin, end in pairwise(bounds.tolist())]
