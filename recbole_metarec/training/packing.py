"""Arrays and sparse matrices that stand beside a model's weights, as the plain values and tensors of a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor, nn

_ARRAY, _SPARSE = "numpy.ndarray", "scipy.sparse"


def pack(value: Any) -> Any:
    """Write arrays and sparse matrices as tensors; modules, which stand among the weights, are left out.

    Parameters
    ----------
    value : object
        Dicts, lists and tuples of such.

    Returns
    -------
    object

    Raises
    ------
    TypeError
        If a value is of another type.
    """
    if scipy.sparse.issparse(value):  # a dictionary, too, if its format is dok
        rows = value.tocsr()
        parts = [pack(part) for part in (rows.data, rows.indices, rows.indptr)]
        return {_SPARSE: value.format, "parts": parts, "shape": list(value.shape)}
    if isinstance(value, dict):
        return {key: pack(each) for key, each in value.items() if not isinstance(each, nn.Module)}
    if isinstance(value, (list, tuple)):
        return value if _are_texts(value) else type(value)(pack(each) for each in value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.ascontiguousarray(value))}
    if value is None or isinstance(value, (bool, int, float, str, Tensor)):
        return value
    raise TypeError(f"a checkpoint of plain values cannot hold a {type(value).__name__}")


def _are_texts(values: Sequence[Any]) -> bool:
    """Whether there is nothing to do for values, of which there may be millions: the names of items."""
    return all(type(each) is str for each in values)


def unpack(value: Any) -> Any:
    """Read what `pack` wrote."""
    if isinstance(value, (list, tuple)):
        return value if _are_texts(value) else type(value)(unpack(each) for each in value)
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return value[_ARRAY].cpu().numpy()
    if _SPARSE in value:
        parts = tuple(unpack(part) for part in value["parts"])
        return scipy.sparse.csr_matrix(parts, shape=value["shape"]).asformat(value[_SPARSE])
    return {key: unpack(each) for key, each in value.items()}
