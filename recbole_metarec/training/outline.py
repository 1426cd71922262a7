"""What a checkpoint holds, read without torch: plain values, and of tensors how large they are."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from recbole_metarec.errors import UserError
from recbole_metarec.training.form import FORMAT, TREE, check_format, named_when_damaged, require_weights
from recbole_metarec.training.tree_reader import TreeReader, read_texts


class Outlined:
    """A tensor that is not read.

    Parameters
    ----------
    name : str
        In its file; empty if it is none there.
    shape : sequence of int
    nbytes : int
    """

    def __init__(self, name: str, shape: Sequence[int], nbytes: int) -> None:
        self.name, self.shape, self.nbytes = name, tuple(shape), nbytes


def outline(path: Path) -> dict[str, Any]:
    """Read a checkpoint's header and texts.

    Parameters
    ----------
    path : Path
        A file that `checkpoint.save` wrote, in the form of `FORMAT`.

    Returns
    -------
    dict
        As of `checkpoint.load`, with `Outlined` in the place of tensors, and what `packing.pack` makes in the place of
        arrays and sparse matrices.

    Raises
    ------
    UserError
        If the file is damaged, of a newer version or none of this package's checkpoints.
    """
    try:
        with safe_open(path, framework="np") as file:
            said = file.metadata() or {}
            check_format(path, said.get("format"))
            with named_when_damaged(path):
                state = _Outliner(file).value(json.loads(said[TREE]))
    except UserError:
        raise
    except (SafetensorError, ValueError) as error:
        raise UserError([f"{path}: not a checkpoint of this package, or cut off ({error})"]) from error
    if not isinstance(state, dict):
        raise UserError([f"{path}: is damaged: it holds a {type(state).__name__}"])
    require_weights(state, str(path))
    return {**state, "format": FORMAT}


class _Outliner(TreeReader):
    """Reads texts, and of tensors what the header says."""

    def __init__(self, file: Any) -> None:
        super().__init__(self._outlined)
        self._file, self._names = file, {*file.keys()}
        self._complex: dict[str, Outlined] = {}

    def _outlined(self, name: str) -> Outlined:
        if name not in self._names:
            raise KeyError(name)
        said = self._file.get_slice(name)
        bits = re.search(r"\d+", said.get_dtype())  # as of BF16; BOOL has none
        shape = said.get_shape()
        return Outlined(name, shape, math.prod(shape) * (int(bits[0]) if bits else 8) // 8)

    def texts(self, utf8: Outlined, ends: Outlined) -> list[str]:
        """Return texts."""
        return read_texts(*(self._file.get_tensor(part.name) for part in (utf8, ends)))

    def complex(self, parts: Outlined) -> Outlined:
        """Return how large complex numbers are."""
        return self._complex.setdefault(parts.name, Outlined("", parts.shape[:-1], parts.nbytes))

    def sparse(self, at: Outlined, of: Outlined, shape: list[int]) -> Outlined:
        """Return how large a sparse tensor is."""
        return Outlined("", shape, at.nbytes + of.nbytes)
