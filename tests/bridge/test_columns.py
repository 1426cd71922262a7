"""What is loaded follows from what other settings name, and what a file lacks is told in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig, for_domain
from recbole_metarec.bridge.loading import load_domain
from recbole_metarec.runs.prepare import prepare

LISTED = "item_id_list:token_seq"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains of ten users with ratings of 1 to 5 and priced items, and one that is split already."""
    root = tmp_path_factory.mktemp("columns")
    for name in ("a", "b"):
        (root / name).mkdir()
        rows = [f"u{n // 10}\ti{(n * 7) % 13}\t{n % 5 + 1}\t{n}" for n in range(100)]
        header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
        (root / name / f"{name}.inter").write_text("\n".join([header, *rows]) + "\n")
        items = [f"i{n}\tred{n % 3} toy\tmade{n % 2}\t{n}" for n in range(13)]
        header = "item_id:token\ttitle:token_seq\tbrand:token\tprice:float"
        (root / name / f"{name}.item").write_text("\n".join([header, *items]) + "\n")
    (root / "split").mkdir()
    for part in ("train", "valid", "test"):
        rows = [f"u{n}\ti{n} i{n + 1}\ti{n + 2}" for n in range(8)]
        (root / "split" / f"split.{part}.inter").write_text(
            "\n".join([f"user_id:token\t{LISTED}\titem_id:token", *rows]) + "\n"
        )
    return root


def asked(root: Path, **changes: Any) -> dict[str, Any]:
    usual = {"model": "MetaRec", "dataset": "a", "source_datasets": ["b"], "data_path": str(root), "gpu_id": ""}
    return {**usual, "state": "ERROR", **changes}


def test_nothing_else_is_loaded_by_default(root: Path) -> None:
    config = PluginConfig("MetaRec", "a", asked(root))
    assert config["load_col"] == {"inter": ["user_id", "item_id", "timestamp"]}


@pytest.mark.parametrize(
    ("changes", "loaded"),
    [
        ({"val_interval": {"rating": "[3,inf)"}}, {"inter": ["rating"]}),
        ({"val_interval": {"price": "[3,inf)"}}, {"item": ["item_id", "price"]}),
        ({"threshold": {"rating": 3}}, {"inter": ["rating"]}),
        ({"RATING_FIELD": "rating"}, {"inter": ["rating"]}),
        ({"normalize_field": ["rating", "price"]}, {"inter": ["rating"], "item": ["item_id", "price"]}),
        ({"model": "SASRecF", "selected_features": ["brand"]}, {"item": ["item_id", "brand"]}),
        ({"unload_col": {"inter": ["rating"]}}, {"inter": "*"}),
    ],
)
def test_named_columns_are_loaded(root: Path, changes: dict[str, Any], loaded: dict[str, Any]) -> None:
    settings = asked(root, **changes)
    assert find_problems(settings) == []
    found = PluginConfig(settings["model"], "a", settings)["load_col"]
    keys = ["user_id", "item_id", "timestamp"]
    inter = loaded.get("inter", [])
    assert found == {**loaded, "inter": inter if inter == "*" else [*keys, *inter]}


@pytest.mark.parametrize(
    "interval", [{"rating": "[3,inf)"}, {"rating": [3, 5]}, {"price": "[2,9]"}, {"brand": ["made1"]}]
)
def test_filters_apply_to_target_and_sources(root: Path, interval: dict[str, Any]) -> None:
    settings = asked(root, val_interval=interval, epochs=1, hidden_size=16)
    assert find_problems(settings) == []
    config = PluginConfig("MetaRec", "a", settings)
    whole = load_domain(PluginConfig("MetaRec", "a", asked(root)))
    target, source = load_domain(config), load_domain(for_domain(config, "b"))
    assert 0 < target.n_interactions == source.n_interactions < whole.n_interactions
    prepare(config)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"val_interval": {"stars": "[3,inf)"}}, ["a has no column stars", "b has no column stars"]),
        ({"val_interval": {"brand": "[3,5]"}}, ["brand is of type token; list the values"]),
        ({"val_interval": {"brand": [3, 5]}}, ["brand is of type token; put its values in quotes"]),
        ({"val_interval": {"rating": ["x"]}}, ["rating is of type float; write an interval"]),
        ({"val_interval": {"title": ["red1"]}}, ["title is of type token_seq, which RecBole cannot filter by"]),
        ({"load_col": {"inter": ["user_id", "rating"]}}, ["--load_col: needs item_id, timestamp in inter"]),
        (
            {"load_col": {"inter": ["user_id", "item_id", "timestamp", "stars"]}},
            ["--load_col: a.inter has no column stars; it has user_id, item_id, rating, timestamp"],
        ),
        (
            {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "threshold": {"rating": 3}},
            ["--load_col: leaves out rating of .inter, which threshold needs"],
        ),
        ({"load_col": {"inter": "*", "user": "*"}}, ["has no file of that ending; leave it out"]),
        ({"unload_col": {"inter": ["timestamp"]}}, ["--unload_col: timestamp is needed"]),
        ({"unused_col": {"inter": ["item_id"]}}, ["--unused_col: item_id is needed"]),
        ({"threshold": {"timestamp": 3}}, ["--threshold: timestamp is needed"]),
        ({"numerical_features": ["title"]}, ["title is of type token_seq; name a column of type float"]),
        ({"alias_of_user_id": ["friend"]}, ["a has no column friend"]),
        ({"additional_feat_suffix": ["ent"]}, ["a.ent, which is not there"]),
        ({"USER_ID_FIELD": "item_id"}, ["--USER_ID_FIELD=item_id: ITEM_ID_FIELD is that, too"]),
        ({"ITEM_LIST_LENGTH_FIELD": "item_id_list"}, ["ITEM_ID_FIELD with LIST_SUFFIX is that, too"]),
        ({"normalize_all": True, "normalize_field": ["rating"]}, ["leave one of them out"]),
        ({"discretization": {"rating": {"method": "LD"}}}, ["rating must stand in numerical_features, too"]),
        ({"model": "SASRecF"}, ["--selected_features=['class']: a has no column class"]),
        ({"model": "SASRecF", "selected_features": ["price"]}, ["write it into numerical_features, too"]),
        ({"model": "S3Rec"}, ["--item_attribute=class: a has no column class"]),
        ({"model": "GRU4RecKG"}, ["--model=GRU4RecKG: needs a knowledge graph", "--preload_weight: GRU4RecKG needs"]),
        ({"model": "GRU4RecCPR"}, ["--reranker_CAN_NUM=100: a has 13 items only"]),
        ({"model": "SASRec", "n_heads": 3}, ["--n_heads=3: must divide hidden_size (64)"]),
        ({"model": "BERT4Rec", "transform": "crop_itemseq"}, ["BERT4Rec has no eta that it needs"]),
        ({"transform": "mask_itemseq"}, ["--transform=mask_itemseq: must be ~"]),
        ({"model": "SASRec", "repeatable": False}, ["RecBole refuses the configuration: Sequential models"]),
        ({"world_size": 2}, ["--world_size: no such key; leave it out: --nproc starts processes on this machine"]),
    ],
)
def test_what_cannot_be_is_told_in_a_line(root: Path, changes: dict[str, Any], wanted: list[str]) -> None:
    found = find_problems(asked(root, **changes))
    assert len(found) == len(wanted), found
    for line in wanted:
        assert any(line in problem for problem in found), found


SPLIT = {"model": "SASRec", "dataset": "split", "benchmark_filename": ["train", "valid", "test"]}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, ["--alias_of_item_id: item_id_list holds items, too", "--load_col: leaves out item_id_list"]),
        ({"alias_of_item_id": ["item_id_list"]}, []),
        ({"alias_of_item_id": ["item_id_list"], "dataset": "a"}, ["a.train.inter: no such file"]),
        ({"model": "Pop"}, []),
    ],
)
def test_files_that_are_split_need_their_lists_of_items(root: Path, changes: dict[str, Any], wanted: list[str]) -> None:
    found = find_problems(asked(root, **{**SPLIT, **changes}))
    assert len(found) == len(wanted), found
    assert all(line in problem for line, problem in zip(wanted, found, strict=True))
