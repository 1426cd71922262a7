"""The domain as RecBole sees it: stock rows and splits, without storing a prefix twice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from recbole.config import Config
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.data.interaction import Interaction
from torch import Tensor

from recbole_metarec.bridge.compact import CompactDataset
from recbole_metarec.bridge.grouping import Groups, Rows, sort_ids
from recbole_metarec.bridge.item_features import key_of, prepare
from recbole_metarec.bridge.rows import TARGET_ROW, PrefixRows, Sequences, prefix_rows
from recbole_metarec.domains.domain import Domain
from recbole_metarec.errors import UserError
from recbole_metarec.features.suite import SuiteFeatures


class DomainDataset(CompactDataset):
    """A drop-in for RecBole's ``SequentialDataset``: the same rows in the same order, linear in memory.

    Stock augmentation stores every prefix of every sequence, ``n_interactions * MAX_ITEM_LIST_LENGTH`` values a
    field. Here a row points into the sequences and is filled when a batch is drawn.
    """

    _features: dict[str, SuiteFeatures] | None = None

    def _benchmark_presets(self) -> None:
        raise UserError(
            [f"--benchmark_filename: {self.dataset_name}: a model here needs whole sequences; give one .inter file"]
        )

    def _change_feat_format(self) -> None:
        """Make tensors and rows, the interactions sorted once instead of four times, a column in memory at a time."""
        if not self._has_plain_times():
            super()._change_feat_format()
            return
        order, frame, columns = self._exact_order(), self.inter_feat, {}
        for field in list(frame):
            columns.update(self._dataframe_to_interaction(frame[[field]].take(order)).interaction)
            del frame[field]
        self.inter_feat = Interaction(columns)
        for name in self.feat_name_list:
            if name != "inter_feat":
                setattr(self, name, self._dataframe_to_interaction(getattr(self, name)))
        self._make_rows()

    def _has_plain_times(self) -> bool:
        frame = self.inter_feat
        return {self.uid_field, self.time_field} <= {*frame} and bool(frame[self.time_field].dtype == np.float64)

    def _exact_order(self) -> Rows:
        """Sort by user, then by time; ties keep the order of the file."""
        users, times = self.inter_feat[self.uid_field].to_numpy(), self.inter_feat[self.time_field].to_numpy()
        order = np.argsort(times, kind="stable")
        return order[sort_ids(users[order])]

    def data_augmentation(self) -> None:
        """Make one row for every interaction but a user's first; see the class."""
        self._check_field("uid_field", "time_field")
        self.sort(by=[self.uid_field, self.time_field], ascending=True)
        self._make_rows()

    def _make_rows(self) -> None:
        self._aug_presets()
        users = self.inter_feat[self.uid_field].numpy()
        first = np.ones(len(users), dtype=bool)
        first[1:] = users[1:] != users[:-1]
        begin = np.maximum.accumulate(np.where(first, np.arange(len(users), dtype=np.int32), 0))
        suffix = self.config["LIST_SUFFIX"]
        self._sequences = Sequences(
            self.inter_feat.interaction,
            {f"{field}{suffix}": field for field in self.inter_feat if field != self.uid_field},
            torch.from_numpy(begin),
            self.max_item_list_len,
            self.item_list_length_field,
        )
        self.inter_feat = prefix_rows(self._sequences)

    def _grouped_index(self, group_by_list: Any) -> Groups:
        return Groups(group_by_list)

    def _split_index_by_leave_one_out(self, grouped_index: Groups, leave_one_num: int) -> list[Rows]:
        return grouped_index.leave_out(leave_one_num)

    def build(self) -> list[Dataset]:
        """Split; of the training part, keep the rows of a share ``train_users`` of its users, drawn by the seed."""
        parts: list[Dataset] = super().build()
        share = self.config["train_users"]
        if share is not None and share < 1:
            users = parts[0].inter_feat[self.uid_field].numpy()
            shuffled = np.random.default_rng(self.config["seed"]).permutation(np.unique(users))
            chosen = shuffled[: math.ceil(share * len(shuffled))]
            parts[0] = parts[0].copy(parts[0].inter_feat[np.flatnonzero(np.isin(users, chosen))])
        return parts

    def __getitem__(self, index: Any, join: bool = True) -> Interaction:
        rows = self.inter_feat[index]
        rows = rows.whole() if isinstance(rows, PrefixRows) else rows
        return self.join(rows) if join else rows

    def inter_matrix(self, form: str = "coo", value_field: str | None = None) -> Any:
        """Return the (users, items) matrix of this split's interactions; see RecBole's ``SequentialDataset``."""
        # RecBole asks for the first item of a prefix alone.
        stock = self.copy(self.inter_feat.shortened(1).whole())
        return SequentialDataset.inter_matrix(stock, form, value_field)

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
        begin = self._sequences.begin[target].long()
        lengths = target - begin
        row = torch.repeat_interleave(torch.arange(len(target)), lengths)
        nth = torch.arange(len(row)) - torch.repeat_interleave(lengths.cumsum(0) - lengths, lengths)
        return row, self._sequences.columns[self.iid_field][begin[row] + nth]

    def history_lengths(self, rows: Interaction) -> Tensor:
        """Count what each row's user had before the row's target, beyond the window, too, shape (n_rows,)."""
        target: Tensor = rows[TARGET_ROW]
        return target - self._sequences.begin[target].long()

    def domain(self) -> Domain:
        """Return the sequences up to the last target among this dataset's rows.

        Of a training split that is the training part; of a dataset that was not split it is everything.

        Returns
        -------
        Domain
            Users without a row are left out.
        """
        begin = self._sequences.begin.numpy()
        target = np.sort(self.inter_feat[TARGET_ROW].numpy())
        last = np.zeros(len(begin), np.int64)
        last[begin[target]] = target
        users = np.flatnonzero(last)
        kept = np.arange(len(begin)) <= last[begin]
        kept &= last[begin] > 0
        return self._to_domain(self._sequences.columns[self.iid_field].numpy()[kept], last[users] - users + 1)

    def interactions(self) -> dict[str, Tensor]:
        """Return all interactions of all splits, users one behind the other, oldest first: a tensor for each field."""
        return self._sequences.columns

    def item_tokens(self) -> list[str]:
        """Return the name of each item, from item 1."""
        return [str(token) for token in self.field2id_token[self.iid_field][1:]]

    def item_features(self, config: Config) -> SuiteFeatures | None:
        """Return the features of items that a configuration's model reads, prepared once for each configuration.

        Parameters
        ----------
        config : recbole.config.Config
            Of a run on this dataset, a training part, or of a member of its ensemble.

        Returns
        -------
        SuiteFeatures, or None
            ``None`` for a model that reads none.
        """
        key = key_of(config)
        if key is None:
            return None
        self._features = self._features or {}
        if key not in self._features:
            self._features[key] = prepare(config, self)
        return self._features[key]

    def copy(self, new_inter_feat: Any) -> DomainDataset:
        """Return the dataset with other interactions, of which features are to be prepared anew."""
        copied: DomainDataset = super().copy(new_inter_feat)
        copied._features = None
        return copied

    def whole_domain(self) -> Domain:
        """Return all sequences of a dataset that was not built, in exact order.

        Returns
        -------
        Domain
            Users with one interaction only are left out.
        """
        if not self._has_plain_times():
            self._change_feat_format()
            return self.domain()
        order = self._exact_order()
        users, items = self.inter_feat[self.uid_field].to_numpy(), self.inter_feat[self.iid_field].to_numpy()
        lengths = np.bincount(users)
        order = order[lengths[users[order]] > 1]
        return self._to_domain(items[order], lengths[lengths > 1])

    def _to_domain(self, items: Any, lengths: Rows) -> Domain:
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return Domain(self.dataset_name, items.astype(np.int32), offsets, self.item_num - 1)
