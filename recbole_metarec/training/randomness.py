"""The state of every generator that training may draw from, as plain values and tensors."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """Return the state of torch's generators, on the CPU and all GPUs, of numpy's and of Python's."""
    version, numbers, rest = random.getstate()
    name, keys, *of_numpy = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [name, np.asarray(keys, dtype=np.int64), *of_numpy],
        "python": [version, np.array(numbers, dtype=np.int64), rest],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Draw from here on what would have been drawn behind `random_state`.

    Parameters
    ----------
    state : mapping
        What that returned; of other GPUs than this machine has nothing is taken over.
    """
    torch.set_rng_state(state["torch"].cpu())
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([each.cpu() for each in state["cuda"]])
    name, keys, *of_numpy = state["numpy"]
    np.random.set_state((name, np.asarray(keys, dtype=np.uint32), *of_numpy))
    version, numbers, rest = state["python"]
    random.setstate((version, tuple(map(int, numbers)), rest))
