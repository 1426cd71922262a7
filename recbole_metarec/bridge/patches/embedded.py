"""The embedded domains, made where RecBole would download a dataset."""

from __future__ import annotations

from functools import wraps
from pathlib import Path

from recbole.data.dataset import Dataset

from recbole_metarec.domains.embedded import PREFIX
from recbole_metarec.domains.movielens import make_domains

_stock = Dataset._download


@wraps(_stock)
def _download(self: Dataset) -> None:
    if self.dataset_name.startswith(PREFIX):
        make_domains(Path(self.dataset_path).parent)
    else:
        _stock(self)


def apply() -> None:
    """Replace the method."""
    Dataset._download = _download
