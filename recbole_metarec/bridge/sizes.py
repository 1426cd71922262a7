"""Sizes that memory cannot hold, told in a line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from recbole.config import Config
from torch.utils._python_dispatch import TorchDispatchMode

from recbole_metarec.errors import UserError
from recbole_metarec.memory import in_words, memory_size

# What torch and numpy say when memory ends, or when a size is beyond all memory.
_LACK = r"not enough memory|can't allocate memory|out of memory|[Uu]nable to allocate|Storage size calculation|overflow"
_LACK += r"|array is too big|Maximum allowed dimension|Trying to create tensor with negative dimension|Invalid size"
# At least so many times the parameters are held: themselves and their gradients.
_COPIES = 2


@contextmanager
def within_memory(config: Config) -> Iterator[None]:
    """Turn a lack of memory into one line.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration of the run.

    Raises
    ------
    UserError
        It names the largest sizes that the user set.
    """
    try:
        yield
    except (MemoryError, OverflowError, RuntimeError, ValueError, TypeError) as error:
        if not isinstance(error, (MemoryError, OverflowError)) and not re.search(_LACK, str(error), re.IGNORECASE):
            raise
        why = str(error) if isinstance(error, OverBudget) else "more than memory holds; write smaller numbers"
        raise UserError([f"{_sizes(config)}: {why}"]) from error


def _sizes(config: Config) -> str:
    """Write the largest whole numbers among the settings, the user's own if there are any of size."""
    for settings in (config.external_config_dict, config.final_config_dict):
        sizes = {key: value for key, value in settings.items() if type(value) is int and key != "seed"}
        large = sorted((key for key, size in sizes.items() if size >= 1000), key=sizes.__getitem__, reverse=True)
        if large:
            return ", ".join(f"--{key}={sizes[key]}" for key in large[:3])
    return f"--model={config['model']}"


class OverBudget(MemoryError):
    """Parameters that are more than this machine could hold; says how many, and what would fit."""


class ParameterBudget(TorchDispatchMode):
    """While a model is built, raise `OverBudget` before its tensors are more than this machine could hold.

    The system may grant memory that it does not have, and end the process when it is written to.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most, self.asked = memory_size(), 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten.empty.memory_format:
            kind = kwargs.get("dtype") or torch.get_default_dtype()
            self.asked += _COPIES * math.prod(args[0]) * kind.itemsize
            if self.asked > self.most:
                takes = f"take at least {in_words(self.asked)} of memory, and there are {in_words(self.most)}"
                smaller = f"at least {math.ceil(self.asked / self.most):,} times smaller"
                raise OverBudget(f"parameters and their gradients {takes}; write numbers that are {smaller}")
        return func(*args, **kwargs)
