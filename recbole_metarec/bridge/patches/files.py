"""Atomic files that are checked before RecBole reads them."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

from recbole.data.dataset import Dataset
from recbole.utils import FeatureSource

from recbole_metarec.domains import parsed
from recbole_metarec.domains.atomic import check_rows

_stock = Dataset._load_feat


@wraps(_stock)
def _load_feat(self: Dataset, filepath: str, source: Any) -> Any:
    """Refuse a file that RecBole would take for one of other columns or rows."""
    if self._get_load_and_unload_col(source)[0] != set():
        separator, encoding = self.config["field_separator"], self.config["encoding"] or "utf-8"
        exact = self.time_field if source == FeatureSource.INTERACTION else None
        path = Path(filepath)
        is_checked = exact and parsed.take(parsed.content_of(path, separator, encoding), [exact]) is not None
        if not is_checked:
            check_rows(path, separator, encoding, exact)
    return _stock(self, filepath, source)


def apply() -> None:
    """Replace the method."""
    Dataset._load_feat = _load_feat
