"""RecBole's prefix-and-target rows, as views of sequences that are stored once."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from recbole.data.interaction import Interaction
from torch import Tensor

from recbole_metarec.domains.requests import Requests

# Hidden column of an interaction: where the target stands in the sorted file.
TARGET_ROW = "_target_row"


@dataclass(frozen=True, eq=False)
class Sequences:
    """All interactions, users one behind the other, oldest first.

    Parameters
    ----------
    columns : dict of str to Tensor
        The fields, one entry an interaction.
    lists : dict of str to str
        Name of a list field to that of its plain field.
    begin : IntTensor, shape (n_interactions,)
        First row of the interaction's user.
    max_length : int
        Longest prefix.
    length_field : str
        Name of the field that holds a prefix's length.
    times : DoubleTensor, shape (n_interactions,), optional
        When each was, in exact seconds since 1970; ``None`` if nothing knows.
    """

    columns: dict[str, Tensor]
    lists: dict[str, str]
    begin: Tensor
    max_length: int
    length_field: str
    times: Tensor | None = None

    def at(self, field: str, target: Tensor) -> Tensor:
        """Return a plain field of rows with these targets."""
        return target - self._first(target) if field == self.length_field else self.columns[field][target]

    def before(self, list_field: str, target: Tensor) -> Tensor:
        """Return a list field of rows with these targets: prefixes padded with 0 to ``max_length``."""
        values = self.columns[self.lists[list_field]]
        row = self._first(target)[..., None] + torch.arange(self.max_length)
        real = row < target[..., None]
        prefixes = values[torch.where(real, row, 0)]
        real = real.view(*real.shape, *[1] * (prefixes.ndim - real.ndim))  # a field may be a list itself
        return torch.where(real, prefixes, torch.zeros((), dtype=prefixes.dtype))

    def history(self, field: str, target: Tensor) -> tuple[Tensor, Tensor]:
        """List the values of a plain field that stand before each target, beyond ``max_length``, too.

        Returns the number of the target among those given, and the value, shape (n,) each.
        """
        row, place = self.requests(field, target).history()
        return torch.from_numpy(row), self.columns[field][torch.from_numpy(place)]

    def requests(self, field: str, target: Tensor) -> Requests:
        """Return all that stands before each target, its items those of a plain field, and when the target was."""
        place, times = target.cpu().numpy(), None if self.times is None else self.times.numpy()
        begin = self.begin.numpy()[place].astype(np.int64)
        return Requests(self.columns[field].numpy(), times, begin, place, None if times is None else times[place])

    def _first(self, target: Tensor) -> Tensor:
        return torch.maximum(target - self.max_length, self.begin[target])


class _Columns(MutableMapping[str, Tensor]):
    """Columns of rows: those stored, `TARGET_ROW` among them, and those looked up in the sequences."""

    def __init__(self, stored: dict[str, Tensor], fields: list[str], sequences: Sequences) -> None:
        self.stored, self.fields, self.sequences = stored, fields, sequences

    def __getitem__(self, field: str) -> Tensor:
        if field in self.stored:
            return self.stored[field]
        if field not in self.fields:
            raise KeyError(field)
        return self.sequences.at(field, self.stored[TARGET_ROW])

    def __setitem__(self, field: str, column: Tensor) -> None:
        self.stored[field] = column

    def __delitem__(self, field: str) -> None:
        self.stored.pop(field, None)
        self.fields = [kept for kept in self.fields if kept != field]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.fields, *self.stored]))

    def __len__(self) -> int:
        return len({*self.fields, *self.stored})

    def take(self, index: Any) -> _Columns:
        stored = {field: column[index] for field, column in self.stored.items()}
        return _Columns(stored, self.fields, self.sequences)


class PrefixRows(Interaction):  # type: ignore[misc]
    """Rows of which the target's place alone is stored; fields and prefixes are looked up when asked for.

    Parameters
    ----------
    columns : mapping of str to Tensor
        As `prefix_rows` makes it.
    """

    def __init__(self, columns: _Columns) -> None:
        self.interaction = columns
        self.length = columns[TARGET_ROW].numel()

    @property
    def sequences(self) -> dict[str, Tensor]:
        """Name of a list field to all values of its plain field, users one behind the other, oldest first."""
        shared = self.interaction.sequences
        return {name: shared.columns[field] for name, field in shared.lists.items()}

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self._prefixes(index) if self._is_list(index) else self.interaction[index]
        if isinstance(index, (list, np.ndarray)):
            index = torch.as_tensor(np.asarray(index), dtype=None if len(index) else torch.long)
        return PrefixRows(self.interaction.take(index))

    def __contains__(self, field: object) -> bool:
        return field in self.interaction or self._is_list(field)

    @property
    def columns(self) -> list[str]:
        """Names of all fields, list fields among them."""
        return [*self.interaction, *self.interaction.sequences.lists]

    def to(self, device: Any, selected_field: Any = None) -> Interaction:
        """Copy `whole` rows to a device; see RecBole's ``Interaction.to``."""
        return self.whole().to(device, selected_field)

    def whole(self) -> Interaction:
        """Return stock rows, prefixes padded with 0 to ``max_length``."""
        return Interaction({field: self[field] for field in self.columns})

    def shortened(self, max_length: int) -> PrefixRows:
        """Return the same rows with shorter prefixes, the length field left as it is."""
        columns = self.interaction
        lengths = {columns.sequences.length_field: columns[columns.sequences.length_field]}
        sequences = Sequences(**{**vars(columns.sequences), "max_length": max_length})
        return PrefixRows(_Columns({**columns.stored, **lengths}, columns.fields, sequences))

    def _is_list(self, field: object) -> bool:
        return field in self.interaction.sequences.lists

    def _prefixes(self, field: str) -> Tensor:
        prefixes: Tensor = self.interaction.sequences.before(field, self.interaction[TARGET_ROW])
        return prefixes

    def _reindex(self, index: Any) -> None:
        self.interaction = self.interaction.take(index)


def begins(users: npt.NDArray[np.int64]) -> Tensor:
    """Return the first row of each row's user, given the users of rows one behind the other; see `Sequences`."""
    first = np.ones(len(users), dtype=bool)
    first[1:] = users[1:] != users[:-1]
    return torch.from_numpy(np.maximum.accumulate(np.where(first, np.arange(len(users), dtype=np.int32), 0)))


def prefix_rows(sequences: Sequences) -> PrefixRows:
    """Make a row of every interaction but a user's first.

    Parameters
    ----------
    sequences : Sequences

    Returns
    -------
    PrefixRows
        In the order of the sequences.
    """
    target = torch.nonzero(sequences.begin < torch.arange(len(sequences.begin))).squeeze(1)
    return PrefixRows(_Columns({TARGET_ROW: target}, [*sequences.columns, sequences.length_field], sequences))
