"""Features of a domain's items as arrays, and what kinds of values there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Categories(NamedTuple):
    """Values that are categories, from 1 to ``number``; 0 is a missing one."""

    number: int


class Vectors(NamedTuple):
    """Values that are vectors."""

    width: int


Form = Categories | Vectors
"""What the values of a modality are."""


class Values(NamedTuple):
    """Values of one modality.

    Attributes
    ----------
    values : array
        Vectors, shape (n, width), 0 where missing, or categories, int64 of shape (n,).
    present : bool array, shape (n,)
        Which items have the modality.
    norm : float
        What vectors as they were read or encoded were divided by.
    """

    values: npt.NDArray[Any]
    present: npt.NDArray[np.bool_]
    norm: float = 1.0

    def padded(self) -> Values:
        """Put row 0, padding, before all others."""
        values = np.concatenate([np.zeros_like(self.values[:1]), self.values])
        return Values(values, np.concatenate([[False], self.present]), self.norm)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a domain's items; row 0 is padding.

    Parameters
    ----------
    values : dict of str to array
        Of each modality, with n_items + 1 rows; see `Values`.
    present : dict of str to bool array, shape (n_items + 1,)
        Which items have the modality.
    forms : dict of str to Categories or Vectors
        What the values are.
    norms : dict of str to float
        See `Values`.
    """

    values: dict[str, npt.NDArray[Any]]
    present: dict[str, npt.NDArray[np.bool_]]
    forms: dict[str, Form]
    norms: dict[str, float]

    def describe(self) -> str:
        """Coverage of each modality, in one line."""
        return ", ".join(f"{name} of {flags[1:].mean():.1%} of the items" for name, flags in self.present.items())
