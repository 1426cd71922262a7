"""Tensors of a file against those whose place they are to take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, dtype

from recbole_metarec.errors import UserError


def check_tensors(file: str, saved: Mapping[str, Any], current: Mapping[str, Tensor]) -> None:
    """Check that what a file holds can take the place of tensors.

    Parameters
    ----------
    file : str
        For the message.
    saved : mapping of str to object
        What it holds, by name.
    current : mapping of str to Tensor
        Of the same names: what is to be replaced.

    Raises
    ------
    UserError
        One line with the first that is missing, unknown, no tensor, of another size or kind of number, or holds floats
        that are not finite.
    """
    problems = list(_problems(saved, current))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        advice = "it is damaged, or was written with settings of other sizes"
        raise UserError([f"{file}: does not fit the model: {problems[0]}{more}; {advice}"])


def _problems(saved: Mapping[str, Any], current: Mapping[str, Tensor]) -> Iterator[str]:
    for name, tensor in current.items():
        problem = _problem(saved[name], tensor) if name in saved else "is missing"
        if problem:
            yield f"{name} {problem}"
    yield from (f"{name} is nothing that the model has" for name in saved if name not in current)


def _problem(saved: Any, current: Tensor) -> str | None:
    if not isinstance(saved, Tensor):
        return f"is no tensor but of type {type(saved).__name__}"
    if saved.layout != current.layout or saved.is_meta:
        return "is a tensor without values" if saved.is_meta else f"is of layout {saved.layout}, not {current.layout}"
    if saved.shape != current.shape:
        return f"is of shape {tuple(saved.shape)}, not {tuple(current.shape)}"
    if _kind(saved.dtype) != _kind(current.dtype):
        return f"is of {saved.dtype}, not {current.dtype}"
    if current.is_floating_point() and not saved.to(current.dtype).isfinite().all():
        return "holds numbers that are not finite"
    return None


def _kind(of: dtype) -> tuple[bool, bool, bool]:
    """Tell floats, complex numbers, truth values and integers apart, whatever their width."""
    return of.is_floating_point, of.is_complex, of == torch.bool
