"""Domains and datasets from stored arrays are those that are read from text, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.data.dataset import Dataset

from recbole_metarec.bridge import arrays
from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.loading import load_catalogue, load_domain
from recbole_metarec.domains import stored
from recbole_metarec.errors import UserError

UNITS = {"s": 1, "ms": 1000}
# Settings under which all of a file's interactions are as they stand, and such under which they are not.
WHOLE: list[dict[str, Any]] = [{}, {"time_unit": "none"}, {"seed": 7}]
CHANGED: list[dict[str, Any]] = [
    {"user_inter_num_interval": "[3,inf)"},
    {"val_interval": {"timestamp": "[1600000003,inf)"}},
    {"rm_dup_inter": "first"},
    {"shuffle_ties": True},
    {"normalize_all": True, "time_unit": "none"},
    {"alias_of_item_id": ["shelf"], "load_col": {"inter": ["user_id", "item_id", "timestamp", "shelf"]}},
    {"load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "title"]}},
]


@pytest.fixture(autouse=True)
def _small_and_new_files_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "SMALLEST", 0)
    monkeypatch.setattr(stored, "SETTLED_NS", -(10**12))


@pytest.fixture(scope="module", params=UNITS)
def root(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Lines in no order of time, repeated pairs, equal times, users with one interaction."""
    root: Path = tmp_path_factory.mktemp("data")
    (root / "shop").mkdir()
    rng, scale = np.random.default_rng(0), UNITS[request.param]
    drawn = zip(rng.geometric(0.1, 200), rng.geometric(0.15, 200), rng.integers(9, size=200), strict=True)
    lines = [f"u{user}\ti{item}\t{scale * (1_600_000_000 + time)}\ti{item % 9}" for user, item, time in drawn]
    lines += [f"once{n}\tnew{n}\t{scale * 1_600_000_004}\ti1" for n in range(2)]
    header = "user_id:token\titem_id:token\ttimestamp:float\tshelf:token"
    (root / "shop" / "shop.inter").write_text("\n".join([header, *lines]) + "\n")
    titles = [f"i{n}\ttitle {n}" for n in range(30)]
    (root / "shop" / "shop.item").write_text("\n".join(["item_id:token\ttitle:token", *titles]) + "\n")
    return root


def config(root: Path, folder: Path | None, **changes: Any) -> PluginConfig:
    settings = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "data_path": str(root), **changes}
    return PluginConfig("GRU4Rec", "shop", {**settings, "interaction_cache": folder and str(folder)})


@pytest.mark.parametrize("changes", [*WHOLE, *CHANGED])
def test_domains_are_the_same(root: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    expected, names = load_catalogue(config(root, None, **changes))
    for _ in range(2):  # made, then mapped
        found, found_names = load_catalogue(config(root, tmp_path, **changes))
        assert found.content() == expected.content()
        assert found_names == names
        assert load_domain(config(root, tmp_path, **changes)).content() == expected.content()


@pytest.mark.parametrize("changes", [*WHOLE, *CHANGED])
def test_targets_are_the_same(root: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    expected = DomainDataset(config(root, None, **changes))
    found = DomainDataset(config(root, tmp_path, **changes))
    assert found.field2token_id == expected.field2token_id
    for ours, theirs in zip(found.build(), expected.build(), strict=True):
        rows, others = ours.inter_feat.whole(), theirs.inter_feat.whole()
        assert rows.columns == others.columns
        assert all(torch.equal(rows[field], others[field]) for field in rows.columns)
        assert ours.everything().content() == theirs.everything().content()


@pytest.mark.parametrize("changes", WHOLE)
def test_recbole_reads_nothing_where_arrays_are_all_there_is(
    root: Path, tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dataset, "__init__", None)
    load_domain(config(root, tmp_path, **changes))


def test_a_target_is_not_sorted_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = DomainDataset(config(root, tmp_path))
    monkeypatch.setattr("recbole_metarec.bridge.dataset.exact_order", None)
    found.build()


@pytest.mark.parametrize("model", ["MetaRec", "SASRec"])
def test_checks_and_runs_share_them(root: Path, tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"model": model, "dataset": "shop", "data_path": str(root), "interaction_cache": str(tmp_path)}
    assert find_problems(settings) == []
    monkeypatch.setattr(stored, "read_columns", None)
    assert find_problems(settings) == []
    assert arrays.stored_whole(PluginConfig(model, "shop", settings)) is not None


def test_timestamps_of_two_units_are_refused_alike(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop" / "shop.inter"
    file.parent.mkdir()
    lines = (root / "shop" / "shop.inter").read_text().splitlines()
    file.write_text("\n".join([*lines, "u1\ti1\t1600000000000000\ti1"]) + "\n")
    refused = []
    for folder in (None, tmp_path / "arrays"):
        with pytest.raises(UserError) as found:
            load_domain(config(tmp_path, folder))
        refused.append(found.value.problems)
    assert refused[0] == refused[1]
