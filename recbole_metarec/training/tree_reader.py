"""A tree of plain values and tensors, read from the JSON text that `tree.flatten` writes, without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

# What stands in the place of what JSON has no word for; `DICT` also of dicts that would be taken for one of these.
TENSOR, COMPLEX, SPARSE, TEXTS, TUPLE, FLOAT, DICT = (
    *("$tensor", "$complex", "$sparse", "$texts"),
    *("$tuple", "$float", "$dict"),
)


class TreeReader(ABC):
    """Puts values and tensors in the place of nodes; a tensor of several places is one object.

    Parameters
    ----------
    get : callable
        Gives the tensor of a name.
    """

    def __init__(self, get: Callable[[str], Any]) -> None:
        self._get = get
        self._tensors: dict[str, Any] = {}

    @abstractmethod
    def texts(self, utf8: Any, ends: Any) -> Any:
        """Make a list of texts of two tensors: the texts one behind the other, and where each ends."""

    @abstractmethod
    def complex(self, parts: Any) -> Any:
        """Make a complex tensor of real and imaginary parts."""

    @abstractmethod
    def sparse(self, at: Any, of: Any, shape: list[int]) -> Any:
        """Make a sparse tensor of a shape of indices and values."""

    def value(self, node: Any) -> Any:
        """Read a node and all below it.

        Raises
        ------
        KeyError, TypeError, ValueError, RecursionError
            If it is not what `tree.flatten` writes.
        """
        if isinstance(node, list):
            return [self.value(each) for each in node]
        if not isinstance(node, dict):
            return node
        kind = next((key for key in node if key.startswith("$")), None)
        if kind is None:
            return {key: self.value(each) for key, each in node.items()}
        return self._special(kind, node[kind], node)

    def _special(self, kind: str, content: Any, node: Mapping[str, Any]) -> Any:
        if kind == TENSOR:
            return self._tensor(content)
        if kind == FLOAT:
            return float(content)
        if kind == TUPLE:
            return tuple(self.value(content))
        if kind == DICT:
            keys, values = map(self.value, content)
            return dict(zip(keys, values, strict=True))
        if kind == TEXTS:
            return self.texts(*(self.value(part) for part in content))
        if kind == COMPLEX:
            return self.complex(self._tensor(content))
        if kind == SPARSE:
            at, of = (self.value(part) for part in content)
            return self.sparse(at, of, node["shape"])
        raise ValueError(f"{kind} is no kind of value")

    def _tensor(self, name: str) -> Any:
        if name not in self._tensors:
            self._tensors[name] = self._get(name)
        return self._tensors[name]


def read_texts(content: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> list[str]:
    """Read texts that stand one behind the other as UTF-8.

    Parameters
    ----------
    content : uint8 array
    ends : int64 array
        Where each text ends.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If the ends do not rise, or lie beyond the content.
    """
    bounds = np.concatenate([[0], ends])
    if bounds[-1] > len(content) or (np.diff(bounds) < 0).any():
        raise ValueError("the ends of texts do not rise, or lie beyond them")
    text = content[: bounds[-1]].tobytes().decode("utf-8", "surrogatepass")
    within = np.flatnonzero((content & 0xC0) == 0x80)  # bytes with which no character begins
    bounds = bounds - np.searchsorted(within, bounds)
    return [text[begin:end] for begin, end in pairwise(bounds.tolist())]
