"""Files of tensors as safetensors defines them (https://github.com/huggingface/safetensors), texts in the header."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from recbole_metarec.training.form import LONGEST_HEADER

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def write(file: BinaryIO, tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> int:
    """Write tensors one after the other, none of them held twice.

    The library's own writer opens the file itself, and says of a full disk what no ``OSError`` is.

    Parameters
    ----------
    file : BinaryIO
    tensors : mapping of str to Tensor
    texts : mapping of str to str
        What the header says beside.

    Returns
    -------
    int
        CRC-32 of all that was written.

    Raises
    ------
    ValueError
        If the texts are longer than readers accept.
    TypeError
        If a tensor is of a type that such files do not know.
    OSError
        If it cannot be written.
    """
    by_size = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))  # so that all are aligned
    header: dict[str, object] = {"__metadata__": dict(texts)}
    end = 0
    for name in by_size:
        tensor, begin = tensors[name], end
        if tensor.dtype not in _NAMES:
            raise TypeError(f"a checkpoint cannot hold the tensor {name}, of {tensor.dtype}")
        end += tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    said = json.dumps(header, separators=(",", ":")).encode()
    said += b" " * (-len(said) % 8)
    if len(said) > LONGEST_HEADER:
        raise ValueError(f"plain values of {len(said):,} bytes are too many for a checkpoint; put them into arrays")
    head = len(said).to_bytes(8, "little") + said
    file.write(head)
    sum_of_all = zlib.crc32(head)
    for name in by_size:
        if tensors[name].numel():
            content = tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
            file.write(content)
            sum_of_all = zlib.crc32(content, sum_of_all)
    return sum_of_all


class TensorFile:
    """An open file of tensors, which are read from the disk when their numbers are asked for.

    Parameters
    ----------
    opened : safetensors.safe_open

    Attributes
    ----------
    texts : dict of str to str
        What the header says beside.
    """

    def __init__(self, opened: safe_open) -> None:
        self._opened = opened
        self.texts: dict[str, str] = opened.metadata() or {}
        self._names = set(opened.keys())

    def tensor(self, name: str) -> Tensor:
        """Return a tensor.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        if name not in self._names:
            raise KeyError(name)
        tensor: Tensor = self._opened.get_tensor(name)
        return tensor


@contextmanager
def opened(path: Path, device: torch.device | str = "cpu") -> Iterator[TensorFile]:
    """Open a file of tensors; what was asked for stays there when it is closed.

    Parameters
    ----------
    path : Path
    device : torch.device or str
        Where tensors go.

    Yields
    ------
    TensorFile

    Raises
    ------
    ValueError
        If it is none, or cut off.
    """
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            yield TensorFile(file)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
