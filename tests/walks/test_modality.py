"""A modality from outside the package: one class, and its name in a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import planted
import pytest

from recbole_metarec.errors import UserError
from recbole_metarec.features.features import Values
from recbole_metarec.features.modalities import MODALITIES, Modality
from recbole_metarec.runs.run import run, run_one
from recbole_metarec.settings.features import FeatureSettings


class WeightBuckets(Modality):
    """An item's weight: a bucket for each tenfold."""

    n_categories = 4

    @classmethod
    def columns(cls, settings: FeatureSettings) -> Sequence[str]:
        return ["weight"]

    def values(self, domain: str, cells: pd.DataFrame) -> Values:
        weights = pd.to_numeric(cells["weight"], errors="coerce").to_numpy(np.float64)
        present = weights > 0
        buckets = np.clip(np.log10(np.where(present, weights, 1)).astype(np.int64) + 1, 1, 4)
        return Values(np.where(present, buckets, 0), present)


class WeightVectors(WeightBuckets):
    """An item's weight as a vector of one number."""

    n_categories = None

    def values(self, domain: str, cells: pd.DataFrame) -> Values:
        buckets = super().values(domain, cells)
        return Values(buckets.values[:, None].astype(np.float16), buckets.present)


@pytest.fixture
def weighed(tmp_path: Path) -> Path:
    """Folder of domains whose items have a weight."""
    planted.write_featured_suite(tmp_path, target_users=20, source_users=40)
    for path in tmp_path.glob("*/*.item"):
        header, *lines = path.read_text().splitlines()
        weighed = [f"{line}\t{10 ** (item % 4) if item % 5 else ''}" for item, line in enumerate(lines)]
        path.write_text("\n".join([f"{header}\tweight:float", *weighed]) + "\n")
    return tmp_path


@pytest.mark.parametrize("kind", [WeightBuckets, WeightVectors])
@pytest.mark.parametrize("modalities", [["weight"], ["text", "weight", "price"]])
def test_a_modality_is_a_class_in_a_table(
    weighed: Path, kind: type[Modality], modalities: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODALITIES, "weight", kind)
    settings = planted.featured_settings(weighed, modalities=modalities, epochs=2, pretrain_epochs=1)
    result = run_one(settings)
    assert result.epochs == 2
    assert result.test["ndcg@10"] > 0


def test_the_message_lists_it(weighed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODALITIES, "weight", WeightBuckets)
    with pytest.raises(UserError, match=r"--modalities=\['height'\]: must list some of text, image, price, weight"):
        run(planted.featured_settings(weighed, modalities=["height"]))
