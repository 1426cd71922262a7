"""Items by their raw ids."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from recbole_metarec.errors import UserError

Unknown = Literal["skip", "raise"]


class Vocabulary:
    """Item ids and their numbers, from 1.

    Parameters
    ----------
    ids : sequence of str

    Attributes
    ----------
    n_unknown : int
        Ids that `numbers` did not know and skipped, since this was set to 0.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = list(ids)
        self._numbers = dict(zip(self.ids, range(1, len(self.ids) + 1), strict=True))
        self._warned = False
        self.n_unknown = 0

    def number(self, item_id: object) -> int:
        """Return the number of an item, 0 if there is none of that id."""
        return self._numbers.get(item_id if isinstance(item_id, str) else str(item_id), 0)

    def numbers(self, ids: Iterable[object], what: str, unknown: Unknown) -> npt.NDArray[np.int64]:
        """Return the numbers of items, 0 for each that is unknown.

        Parameters
        ----------
        ids : iterable of str
            Other values are written as texts first.
        what : str
            What holds them, for the line of an error.
        unknown : {"skip", "raise"}

        Returns
        -------
        int64 array, shape (n,)

        Raises
        ------
        UserError
            If one is unknown, and that is to be an error.
        """
        get = self._numbers.get
        named = [each if isinstance(each, str) else str(each) for each in ids]
        found = np.fromiter((get(name, 0) for name in named), np.int64, len(named))
        missing = int((found == 0).sum())
        if missing:
            first = named[int((found == 0).argmax())]
            if unknown == "raise":
                raise UserError([f"{what}: {_count(missing)}, the first is {first!r}; leave {_them(missing)} out"])
            self.n_unknown += missing
            if not self._warned:
                self._warned = True
                warnings.warn(f"{what}: {_count(missing)} and skipped, the first is {first!r}", stacklevel=4)
        return found


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _count(number: int) -> str:
    return "1 item is unknown" if number == 1 else f"{number:,} items are unknown"
