"""Aliases that numpy 2 dropped."""

from __future__ import annotations

import numpy as np

_ALIASES = {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_, "bool8": np.bool_}


def apply() -> None:
    """Give numpy the aliases that it lacks."""
    vars(np).update({alias: kind for alias, kind in _ALIASES.items() if alias not in vars(np)})
