"""Long columns that grow, in pieces that go back to the system when they are no longer needed."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", np.int32, np.float64)

CHUNK = 1 << 23
"""Numbers of a piece: from 32 MiB on, the C library never keeps memory that has been freed."""


class Chunks(Generic[Number]):
    """Numbers that are put one behind the other.

    Parameters
    ----------
    kind : type
        Their type.
    """

    def __init__(self, kind: type[Number]) -> None:
        self._kind: type[Number] = kind
        self._arrays: list[npt.NDArray[Number]] = []
        self._n_last = CHUNK

    def __len__(self) -> int:
        return CHUNK * (len(self._arrays) - 1) + self._n_last

    def append(self, numbers: npt.NDArray[Number]) -> None:
        """Put numbers behind those that are there."""
        while len(numbers):
            if self._n_last == CHUNK:
                self._arrays.append(np.empty(CHUNK, self._kind))
                self._n_last = 0
            fitting = numbers[: CHUNK - self._n_last]
            self._arrays[-1][self._n_last : self._n_last + len(fitting)] = fitting
            self._n_last += len(fitting)
            numbers = numbers[len(fitting) :]

    @property
    def arrays(self) -> list[npt.NDArray[Number]]:
        """The pieces, as views."""
        ends = [CHUNK] * (len(self._arrays) - 1) + [self._n_last]
        return [array[:end] for array, end in zip(self._arrays, ends, strict=False)]

    def take_all(self) -> npt.NDArray[Number]:
        """Return all in one array, and keep none."""
        joined: npt.NDArray[Number] = np.concatenate(self.arrays)
        self._arrays, self._n_last = [], CHUNK
        return joined
