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

from recbole_metarec.bridge.clock import exact_times, rows_to_sort, warn_of_ties
from recbole_metarec.bridge.compact import CompactDataset
from recbole_metarec.bridge.grouping import Groups, Rows
from recbole_metarec.bridge.item_features import key_of, prepare
from recbole_metarec.bridge.rows import TARGET_ROW, PrefixRows, Sequences, begins, prefix_rows
from recbole_metarec.bridge.time_split import require_all, split_sequences
from recbole_metarec.domains.clock import Times
from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.domains.sorting import exact_order
from recbole_metarec.errors import UserError
from recbole_metarec.features.suite import SuiteFeatures
from recbole_metarec.settings.protocol import points_of


class DomainDataset(CompactDataset):
    """A drop-in for RecBole's ``SequentialDataset``: the same rows in the same order, linear in memory.

    Stock augmentation stores every prefix of every sequence, ``n_interactions * MAX_ITEM_LIST_LENGTH`` values a
    field. Here a row points into the sequences and is filled when a batch is drawn.
    """

    _features: dict[str, SuiteFeatures] | None = None
    _known: Tensor | None = None  # whether each interaction's user is, in a split; all are by default

    def _benchmark_presets(self) -> None:
        raise UserError(
            [f"--benchmark_filename: {self.dataset_name}: a model here needs whole sequences; give one .inter file"]
        )

    def _change_feat_format(self) -> None:
        """Make tensors and rows, the interactions sorted once instead of four times, a column in memory at a time."""
        if not self._has_plain_times():
            super()._change_feat_format()
            return
        order, times = self._exact_order()
        self.stored = None
        frame, columns = self.inter_feat, {}
        for field in list(frame):
            columns.update(self._dataframe_to_interaction(frame[[field]].take(order)).interaction)
            del frame[field]
        self.inter_feat = Interaction(columns)
        for name in self.feat_name_list:
            if name != "inter_feat":
                setattr(self, name, self._dataframe_to_interaction(getattr(self, name)))
        self._make_rows(times)

    def _has_plain_times(self) -> bool:
        frame = self.inter_feat
        return {self.uid_field, self.time_field} <= {*frame} and bool(frame[self.time_field].dtype == np.float64)

    def _exact_order(self) -> tuple[Rows, Times | None]:
        """Sort by user, then by time; ties keep the order of the file, unless they are shuffled.

        Returns the rows, and their times in seconds since 1970 if something knows them.
        """
        frame = self.inter_feat
        users, stamps = frame[self.uid_field].to_numpy(), frame[self.time_field].to_numpy()
        shuffled = rows_to_sort(self)
        if shuffled is not None:
            order = shuffled[exact_order(users[shuffled], stamps[shuffled])]
        elif self.stored is not None:
            order = self.stored.rows.astype(np.int64)
        else:
            order = exact_order(users, stamps)
        times, sorted_users = exact_times(self), users[order]
        warn_of_ties(
            self.config,
            sorted_users[1:] == sorted_users[:-1],
            frame[self.iid_field].to_numpy()[order],
            stamps[order],
            lambda: self.field2id_token[self.iid_field],
        )
        return order, None if times is None else times[order]

    def data_augmentation(self) -> None:
        """Make one row for every interaction but a user's first; see the class."""
        self._check_field("uid_field", "time_field")
        self.sort(by=[self.uid_field, self.time_field], ascending=True)
        self._make_rows()

    def _make_rows(self, times: Times | None = None) -> None:
        self._aug_presets()
        suffix = self.config["LIST_SUFFIX"]
        self._sequences = Sequences(
            self.inter_feat.interaction,
            {f"{field}{suffix}": field for field in self.inter_feat if field != self.uid_field},
            begins(self.inter_feat[self.uid_field].numpy()),
            self.max_item_list_len,
            self.item_list_length_field,
            None if times is None else torch.from_numpy(times),
        )
        self.inter_feat = prefix_rows(self._sequences)

    def _grouped_index(self, group_by_list: Any) -> Groups:
        return Groups(group_by_list)

    def _split_index_by_leave_one_out(self, grouped_index: Groups, leave_one_num: int) -> list[Rows]:
        return grouped_index.leave_out(leave_one_num)

    def build(self) -> list[Dataset]:
        """Split, and leave out whom `train_users` and `known_users` leave out; both are drawn by the seed.

        Of the target's users a share ``train_users`` trains. Of those beyond a share ``known_users`` nothing but their
        own test requests stays.
        """
        parts: list[Dataset] = super().build() if points_of(self.config) is None else self._split_by_time()
        to_train, to_know = (self.config[key] or 1.0 for key in ("train_users", "known_users"))
        if min(to_train, to_know) < 1:
            generator = np.random.default_rng(self.config["seed"])
            training = generator.permutation(np.unique(parts[0].inter_feat[self.uid_field].numpy()))
            parts[0] = _of_users(parts[0], _share(training, min(to_train, to_know)))
        if to_know < 1:
            users = self._sequences.columns[self.uid_field].numpy()
            others = generator.permutation(np.setdiff1d(users, training))
            known = np.concatenate([_share(training, to_know), _share(others, to_know)])
            parts[1] = _of_users(parts[1], known)
            for part in parts:
                part._known, part._first_days = torch.from_numpy(np.isin(users, known)), None
        require_all(parts, self.config, self.dataset_name)
        return parts

    def _split_by_time(self) -> list[Dataset]:
        self._change_feat_format()
        self._drop_unused_col()
        targets = self.inter_feat[TARGET_ROW].numpy()
        parts = split_sequences(self._sequences, self.uid_field, self.config, self.dataset_name)
        return [self.copy(self.inter_feat[np.searchsorted(targets, part)]) for part in parts]

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
        return self._sequences.history(self.iid_field, rows[TARGET_ROW])

    def history_lengths(self, rows: Interaction) -> Tensor:
        """Count what each row's user had before the row's target, beyond the window, too, shape (n_rows,)."""
        target: Tensor = rows[TARGET_ROW]
        return target - self._sequences.begin[target].long()

    def requests(self, rows: Interaction) -> Requests:
        """Return all that stands before the targets of rows, beyond the window, too.

        Parameters
        ----------
        rows : Interaction
            Rows of this dataset.

        Returns
        -------
        Requests
        """
        return self._sequences.requests(self.iid_field, rows[TARGET_ROW])

    def everything(self) -> Domain:
        """Return all interactions of all splits, users with one only among them, but nothing of unknown users."""
        kept = np.ones(len(self._sequences.begin), bool) if self._known is None else self._known.numpy()
        begin = self._sequences.begin.numpy()[kept]
        return self._part(kept, np.diff(np.flatnonzero(np.r_[True, begin[1:] != begin[:-1], True])))

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
        return self._part(kept, last[users] - users + 1)

    def _part(self, kept: Any, lengths: Rows) -> Domain:
        """Return the domain of some interactions, which are users of these lengths."""
        times = self._sequences.times
        items = self._sequences.columns[self.iid_field].numpy()[kept]
        return self._to_domain(items, lengths, None if times is None else times.numpy()[kept])

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
        order, times = self._exact_order()
        users, items = self.inter_feat[self.uid_field].to_numpy(), self.inter_feat[self.iid_field].to_numpy()
        lengths = np.bincount(users)
        several = lengths[users[order]] > 1
        return self._to_domain(items[order[several]], lengths[lengths > 1], None if times is None else times[several])

    def _to_domain(self, items: Any, lengths: Rows, times: Times | None) -> Domain:
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return Domain(self.dataset_name, items.astype(np.int32), offsets, self.item_num - 1, times)


def _share(users: Rows, share: float) -> Rows:
    return users[: math.ceil(share * len(users))]


def _of_users(part: Dataset, users: Rows) -> Dataset:
    """Return a split with the rows of some users alone."""
    rows = np.flatnonzero(np.isin(part.inter_feat[part.uid_field].numpy(), users))
    return part.copy(part.inter_feat[rows])
