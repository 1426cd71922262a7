"""The domain as RecBole sees it: stock rows and splits, without storing a prefix twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.data.interaction import Interaction
from torch import Tensor

from recbole_metarec.data import movielens
from recbole_metarec.data.domain import Domain
from recbole_metarec.errors import UserError

# Hidden columns of an interaction: where the target and the first of its prefix stand in the sorted file.
TARGET_ROW = "_target_row"
PREFIX_ROW = "_prefix_row"


class PrefixRows(Interaction):  # type: ignore[misc]
    """RecBole's prefix-and-target rows, each prefix a slice of the shared sequences until it is asked for.

    Parameters
    ----------
    columns : dict of str to Tensor
        One entry a row; `TARGET_ROW` and `PREFIX_ROW` among them.
    sequences : dict of str to Tensor
        Name of a list field to all values of its plain field, users one behind the other, oldest first.
    max_length : int
        Longest prefix.
    """

    def __init__(self, columns: dict[str, Tensor], sequences: dict[str, Tensor], max_length: int) -> None:
        super().__init__(columns)
        self.sequences = sequences
        self.max_length = max_length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self._prefixes(index) if index in self.sequences else self.interaction[index]
        if isinstance(index, (list, np.ndarray)):
            index = torch.as_tensor(np.asarray(index), dtype=None if len(index) else torch.long)
        columns = {name: column[index] for name, column in self.interaction.items()}
        return PrefixRows(columns, self.sequences, self.max_length)

    def __contains__(self, field: object) -> bool:
        return field in self.interaction or field in self.sequences

    @property
    def columns(self) -> list[str]:
        """Names of all fields, list fields among them."""
        return [*self.interaction, *self.sequences]

    def to(self, device: Any, selected_field: Any = None) -> Interaction:
        """Copy `whole` rows to a device; see RecBole's ``Interaction.to``."""
        return self.whole().to(device, selected_field)

    def whole(self) -> Interaction:
        """Return stock rows, prefixes padded with 0 to ``max_length``."""
        columns = dict(self.interaction)
        columns.update({field: self._prefixes(field) for field in self.sequences})
        return Interaction(columns)

    def trimmed(self) -> PrefixRows:
        """Return the same rows, prefixes padded to the longest among them."""
        longest = (self.interaction[TARGET_ROW] - self.interaction[PREFIX_ROW]).max()
        return PrefixRows(self.interaction, self.sequences, int(longest))

    def _prefixes(self, field: str) -> Tensor:
        first, target = self.interaction[PREFIX_ROW], self.interaction[TARGET_ROW]
        column = torch.arange(self.max_length)
        row = first[..., None] + column
        real = row < target[..., None]
        values = self.sequences[field][torch.where(real, row, 0)]
        real = real.view(*real.shape, *[1] * (values.ndim - real.ndim))  # a field may be a list itself
        return torch.where(real, values, torch.zeros((), dtype=values.dtype))


class DomainDataset(SequentialDataset):  # type: ignore[misc]
    """A drop-in for RecBole's ``SequentialDataset``: the same rows in the same order, linear in memory.

    Stock augmentation stores every prefix of every sequence, ``n_interactions * MAX_ITEM_LIST_LENGTH`` values a
    field. Here a row points into the sequences and is filled when a batch is drawn.
    """

    inter_feat: Any

    def _download(self) -> None:
        if self.dataset_name.startswith(movielens.PREFIX):
            movielens.make_domains(Path(self.dataset_path).parent)
        else:
            super()._download()

    def data_augmentation(self) -> None:
        """Make one row for every interaction but a user's first; see the class."""
        self._aug_presets()
        self._check_field("uid_field", "time_field")
        self.sort(by=[self.uid_field, self.time_field], ascending=True)
        users = self.inter_feat[self.uid_field].numpy()
        first = np.ones(len(users), dtype=bool)
        first[1:] = users[1:] != users[:-1]
        begin = np.maximum.accumulate(np.where(first, np.arange(len(users)), 0))
        target = np.flatnonzero(~first)
        prefix = np.maximum(target - self.max_item_list_len, begin[target])
        suffix = self.config["LIST_SUFFIX"]
        sequences = {f"{field}{suffix}": self.inter_feat[field] for field in self.inter_feat if field != self.uid_field}
        columns = {field: self.inter_feat[field][torch.from_numpy(target)] for field in self.inter_feat}
        columns[self.item_list_length_field] = torch.from_numpy(target - prefix)
        for name, rows in ((TARGET_ROW, target), (PREFIX_ROW, prefix)):
            columns[name] = torch.from_numpy(rows)
        self._begin = torch.from_numpy(begin)
        self._first = torch.from_numpy(np.flatnonzero(first))
        self.inter_feat = PrefixRows(columns, sequences, self.max_item_list_len)

    def __getitem__(self, index: Any, join: bool = True) -> Interaction:
        rows = self.inter_feat[index]
        rows = rows.whole() if isinstance(rows, PrefixRows) else rows
        return self.join(rows) if join else rows

    def inter_matrix(self, form: str = "coo", value_field: str | None = None) -> Any:
        """Return the (users, items) matrix of this split's interactions; see RecBole's ``SequentialDataset``."""
        rows = self.inter_feat
        # RecBole asks for the first item of a prefix alone.
        stock = self.copy(PrefixRows(rows.interaction, rows.sequences, 1).whole())
        return SequentialDataset.inter_matrix(stock, form, value_field)

    @property
    def _items(self) -> Tensor:
        items: Tensor = self.inter_feat.sequences[self.iid_field + self.config["LIST_SUFFIX"]]
        return items

    def history(self, rows: Interaction) -> tuple[Tensor, Tensor]:
        """List everything that each row's user had before the row's target, beyond the window, too.

        Parameters
        ----------
        rows : Interaction
            Rows of this dataset.

        Returns
        -------
        row, item : LongTensor, shape (n,)
            Index pairs into a (rows, items) matrix.
        """
        target = rows[TARGET_ROW]
        lengths = target - self._begin[target]
        row = torch.repeat_interleave(torch.arange(len(target)), lengths)
        nth = torch.arange(len(row)) - torch.repeat_interleave(lengths.cumsum(0) - lengths, lengths)
        return row, self._items[self._begin[target][row] + nth]

    def domain(self) -> Domain:
        """Return the sequences up to the last target among this dataset's rows.

        Of a training split that is the training part; of a dataset that was not split it is everything.

        Returns
        -------
        Domain
            Users without a row are left out.
        """
        target = self.inter_feat[TARGET_ROW]
        begin = self._begin[target]
        end = torch.full_like(self._begin, -1).scatter_reduce_(0, begin, target, "amax")
        users = self._first[end[self._first] >= 0]
        lengths = (end[users] - users + 1).numpy()
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        position = np.repeat(users.numpy() - offsets[:-1], lengths) + np.arange(offsets[-1])
        items = self._items.numpy()[position].astype(np.int32)
        return Domain(self.dataset_name, items, offsets, self.item_num - 1)


def sort_exactly(change_feat_format: Callable[[Dataset], None]) -> Callable[[Dataset], None]:
    """Sort interactions by time before RecBole rounds timestamps to float32.

    Rounding keeps order and RecBole's own sort is stable, so what is sorted once stays sorted; ties keep the order of
    the file. Without it, sequences are reordered (RecBole #2204, #1653, #1762).

    Parameters
    ----------
    change_feat_format : callable
        RecBole's ``Dataset._change_feat_format``.

    Returns
    -------
    callable
        The same method, preceded by the sort.
    """

    def change_feat_format_sorted(self: Dataset) -> None:
        if self.benchmark_filename_list is None and self.time_field in self.inter_feat:
            self.inter_feat = self.inter_feat.sort_values(self.time_field, kind="stable", ignore_index=True)
        change_feat_format(self)

    return change_feat_format_sorted


def load_domain(config: Any) -> Domain:
    """Load a whole domain, with RecBole's own reading and filters.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration whose dataset is the domain.

    Returns
    -------
    Domain
        Every interaction in exact order, but for users who have one only.

    Raises
    ------
    UserError
        If RecBole refuses the data, as it does when filters leave nothing.
    """
    try:
        dataset = DomainDataset(config)
    except ValueError as error:
        raise UserError([f"{config['dataset']}: RecBole refuses the data: {error}"]) from error
    dataset._change_feat_format()
    return dataset.domain()
