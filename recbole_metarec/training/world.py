"""The processes that train one model together: which of them this one is, and what they tell each other.

All of them draw the same batches, compute a part of each, and add up the gradients, so that their parameters stay the
same. A process by itself is alone in its world: nothing here does anything then.
"""

# Shapes: I rows of all processes, i those of one, D width.

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

from recbole_metarec.errors import Lost
from recbole_metarec.nn.draws import rows_of
from recbole_metarec.training.processes import why_lost

Plain = TypeVar("Plain")

# Tensors of fewer elements travel together.
_SMALL = 2**18


def size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def number() -> int:
    """Return the number of this one, from 0."""
    return dist.get_rank() if size() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that writes and speaks for all."""
    return number() == 0


# -- tensors ----------------------------------------------------------------------------------------------------------


def sum_(tensors: Sequence[Tensor]) -> None:
    """Add up tensors over all processes, in place.

    Parameters
    ----------
    tensors : sequence of Tensor
        Dense, and alike in all processes but for their values.
    """
    if size() == 1:
        return
    small = [tensor for tensor in tensors if tensor.numel() < _SMALL or not tensor.is_contiguous()]
    with _together():
        for tensor in tensors:
            if tensor.numel() >= _SMALL and tensor.is_contiguous():
                dist.all_reduce(tensor.detach())
        _sum_small(small)


def _sum_small(small: Sequence[Tensor]) -> None:
    for kind in sorted({tensor.dtype for tensor in small}, key=str):
        alike = [tensor for tensor in small if tensor.dtype == kind]
        joined = torch.cat([tensor.detach().flatten() for tensor in alike])
        dist.all_reduce(joined)
        for tensor, part in zip(alike, joined.split([tensor.numel() for tensor in alike]), strict=True):
            tensor.detach().copy_(part.view(tensor.shape))


@contextmanager
def _together() -> Iterator[None]:
    """Say why where the others cannot be reached."""
    try:
        yield
    except RuntimeError as error:
        raise Lost(why_lost()) from error


def summed(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Add up tensors over all processes, differentiably: each process has a part of the loss behind the sums.

    Parameters
    ----------
    tensors : sequence of Tensor
        See `sum_`.

    Returns
    -------
    list of Tensor
    """
    return list(tensors) if size() == 1 else list(_Sum.apply(*tensors))  # type: ignore[no-untyped-call]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        return _copied_sum(tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        found = iter(_copied_sum([gradient for gradient in gradients if gradient is not None]))
        return tuple(None if gradient is None else next(found) for gradient in gradients)


def _copied_sum(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    copies = tuple(tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in tensors)
    sum_(copies)
    return copies


@contextmanager
def dealt(total: int) -> Iterator[slice]:
    """Give the rows of ``total`` that are this process's, see `part_of`, and let what is drawn be for them."""
    rows = part_of(total)
    with nullcontext() if size() == 1 else rows_of(total, rows):
        yield rows


def part_of(total: int) -> slice:
    """Return which rows of ``total`` are this process's where each has a stretch of them, perhaps none."""
    each = -(-total // size())
    return slice(min(total, number() * each), min(total, (number() + 1) * each))


def joined(part_iD: Tensor, total: int) -> Tensor:
    """Put together what each process has made of its `part_of` rows, differentiably.

    Parameters
    ----------
    part_iD : Tensor, shape (i, D)
    total : int
        Number I of the rows of all.

    Returns
    -------
    Tensor, shape (I, D)
        The same in every process.
    """
    if size() == 1:
        return part_iD
    whole: Tensor = _Join.apply(part_iD, total)  # type: ignore[no-untyped-call]
    return whole


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part_iD: Tensor, total: int) -> Tensor:
        each = -(-total // size())
        padded = part_iD.new_zeros(each, *part_iD.shape[1:])
        padded[: len(part_iD)] = part_iD
        parts = [torch.empty_like(padded) for _ in range(size())]
        with _together():
            dist.all_gather(parts, padded)
        return torch.cat(parts)[:total]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_whole_ID: Tensor) -> tuple[Tensor, None]:
        (total_ID,) = _copied_sum([by_whole_ID])
        return total_ID[part_of(len(total_ID))], None


def share_(tensors: Sequence[Tensor]) -> None:
    """Give all processes the values that the first one has, in place."""
    if size() > 1:
        for tensor in tensors:
            values = tensor.detach()
            whole = values.contiguous()
            with _together():
                dist.broadcast(whole, 0)
            values.copy_(whole)


def check_alike(tensors: Sequence[Tensor]) -> None:
    """Check that all processes have the same values.

    Raises
    ------
    FloatingPointError
        If they have not, as where machines compute differently.
    """
    if size() == 1 or not tensors:
        return
    sums = torch.stack([tensor.detach().sum(dtype=torch.float64) for tensor in tensors])
    both = torch.stack([sums, -sums])
    with _together():
        dist.all_reduce(both, dist.ReduceOp.MAX)
    if not torch.equal(both[0].nan_to_num(), -both[1].nan_to_num()):
        raise FloatingPointError("the processes have come to different parameters; use machines of one kind")


# -- plain values and turns -------------------------------------------------------------------------------------------


def of_first(value: Plain) -> Plain:
    """Return what the first process has, plain values that JSON can hold, in all of them."""
    if size() == 1:
        return value
    content = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
    length = torch.tensor(len(content))
    with _together():
        dist.broadcast(length, 0)
        content = content if is_first() else torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(content, 0)
    received: Plain = json.loads(content.numpy().tobytes())
    return received


def wait() -> None:
    """Wait until all processes have come here."""
    if size() > 1:
        with _together():
            dist.all_reduce(torch.zeros(1))


@contextmanager
def first_before_others() -> Iterator[None]:
    """Let the first process go ahead: what it has written, others read."""
    if not is_first():
        wait()
    yield
    if is_first():
        wait()
