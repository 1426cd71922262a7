"""RecBole's reading and filtering of interactions, on codes instead of texts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import union_categoricals
from recbole.data.dataset import SequentialDataset
from recbole.utils import FeatureSource, FeatureType

from recbole_metarec.bridge.arrays import source_of, stored_is_whole, stored_or_none
from recbole_metarec.domains import parsed
from recbole_metarec.domains.header import read_header
from recbole_metarec.domains.missing import MISSING
from recbole_metarec.domains.plain import NotPlain, read_plain
from recbole_metarec.domains.stored import StoredInteractions
from recbole_metarec.errors import UserError
from recbole_metarec.memory import TooLarge

Flags = npt.NDArray[np.bool_]


class CompactDataset(SequentialDataset):  # type: ignore[misc]
    """RecBole's ``SequentialDataset``, its interactions read as codes wherever that changes nothing.

    Files that are not plain (see `read_plain`), or have a token that pandas takes for a missing one, go RecBole's way.
    """

    inter_feat: Any
    stored: StoredInteractions | None = None  # all interactions, if they are kept and nothing changes them

    def _load_feat(self, filepath: str, source: Any) -> Any:
        try:
            frame, kinds = self._read_compact(filepath, source)
        except TooLarge:
            raise
        except (NotPlain, UserError):
            return super()._load_feat(filepath, source)
        for field in map(str, frame):
            self.set_field_property(field, FeatureType(kinds[field]), source, 1)
            if kinds[field] == "float":
                self.field2bucketnum[field] = 2
        return frame

    def _read_compact(self, filepath: str, source: Any) -> tuple[pd.DataFrame, dict[str, str]]:
        if source != FeatureSource.INTERACTION:
            raise NotPlain
        separator, encoding = self.config["field_separator"], self.config["encoding"] or "utf-8"
        kinds = read_header(Path(filepath), separator, encoding)
        load, unload = self._get_load_and_unload_col(source)
        fields = [field for field in kinds if (load is None or field in load) and field not in (unload or ())]
        frame = parsed.take(parsed.content_of(Path(filepath), separator, encoding), fields)
        if frame is None:
            frame = self._take_stored(filepath, fields)
        if frame is None:
            frame = read_plain(Path(filepath), kinds, fields, separator, encoding)
        if any(kinds[field] == "token" and not MISSING.isdisjoint(frame[field].cat.categories) for field in fields):
            raise NotPlain
        return frame, kinds

    def _take_stored(self, filepath: str, fields: list[str]) -> pd.DataFrame | None:
        source = source_of(self.config)
        if source is None or source.path != Path(filepath) or {*fields} != {*source.fields}:
            return None
        found = stored_or_none(source, self.config)
        self.stored = found if stored_is_whole(self.config, source) else None
        return None if found is None else found.frame()[fields]

    def _remap(self, remap_list: list[Any]) -> None:
        """Give tokens the ids that RecBole gives them: by first appearance in one column after the other."""
        if not any(_is_compact(feat[field]) for feat, field, _ in remap_list):
            super()._remap(remap_list)
            return
        columns = [
            pd.Categorical(feat[field].agg(np.concatenate) if kind == FeatureType.TOKEN_SEQ else feat[field])
            for feat, field, kind in remap_list
        ]
        codes, distinct = pd.factorize(union_categoricals(columns))
        tokens = ["[PAD]", *distinct]
        id_token, token_id = np.array(tokens), dict(zip(tokens, range(len(tokens)), strict=True))
        ends = np.cumsum([len(column) for column in columns])[:-1]
        for (feat, field, kind), ids in zip(remap_list, np.split(codes + 1, ends), strict=True):
            self.field2id_token.setdefault(field, id_token)
            self.field2token_id.setdefault(field, token_id)
            is_list = kind == FeatureType.TOKEN_SEQ
            feat[field] = np.split(ids, np.cumsum(feat[field].agg(len))[:-1]) if is_list else ids

    def _filter_by_inter_num(self) -> None:
        fields = {"user": self.uid_field, "item": self.iid_field}
        if not all(field in self.inter_feat and _is_compact(self.inter_feat[field]) for field in fields.values()):
            super()._filter_by_inter_num()
            return
        sides = []
        for name, field in fields.items():
            intervals = self._parse_intervals_str(self.config[f"{name}_inter_num_interval"])
            allowed = partial(self._within_intervals, intervals=intervals)
            fewest = intervals[0][1] if intervals else -1
            listed = getattr(self, f"{name}_feat")
            sides.append(_Side(self.inter_feat[field], listed, allowed if intervals else None, fewest))
        kept = np.ones(len(self.inter_feat), dtype=bool)
        while any([side.ban(kept) for side in sides]):  # both before either takes effect
            for side in sides:
                kept &= ~side.banned[side.codes]
        if not kept.all():
            self.inter_feat.drop(self.inter_feat.index[~kept], inplace=True)


class _Side:
    """Users or items, and how many interactions they may have; RecBole's rule, odd corners included."""

    def __init__(
        self, column: Any, listed: pd.DataFrame | None, allowed: Callable[[Any], Any] | None, fewest: float
    ) -> None:
        self.codes = column.cat.codes.to_numpy()
        self.listed = listed
        self.allowed = allowed
        self.fewest = fewest
        self.field, self.names = column.name, column.cat.categories
        self.banned = np.zeros(len(self.names), dtype=bool)

    def ban(self, kept: Flags) -> bool:
        """Find those with too few or too many of the kept interactions, drop their own rows, tell if there are any."""
        counts = np.zeros(len(self.names), dtype=np.int64)
        self.banned = np.zeros(len(self.names), dtype=bool)
        if self.allowed:
            counts = np.bincount(self.codes[kept], minlength=len(self.names))
            self.banned = (counts > 0) & ~self.allowed(counts)
        any_banned = bool(self.banned.any())
        if self.listed is not None:
            codes = self.names.get_indexer(self.listed[self.field])
            # -1, a name without an interaction, stands for the entry added at the end
            rare = np.append(counts, 0)[codes] < self.fewest
            self.banned[codes[rare & (codes >= 0)]] = True
            dropped = rare | np.append(self.banned, False)[codes]
            self.listed.drop(self.listed.index[dropped], inplace=True)
            any_banned |= bool(dropped.any())
        return any_banned


def _is_compact(column: Any) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)
