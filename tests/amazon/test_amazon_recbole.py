"""What RecBole makes of the files."""

import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recbole.data.dataset import SequentialDataset

from recbole_metarec.amazon import import_split, prepare
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset

from .dumps import review, review_of_2023, rows_of

Sequences = dict[str, list[str]]


def config(path: Path, name: str, **more: object) -> PluginConfig:
    settings: dict[str, Any] = {
        "data_path": str(path),
        "gpu_id": "",
        "state": "ERROR",
        "MAX_ITEM_LIST_LENGTH": 500,
        **more,
    }
    return PluginConfig("SASRec", name, settings)


def of_file(path: Path) -> Sequences:
    sequences = defaultdict(list)
    for row in sorted(rows_of(path), key=lambda row: int(row[-1])):
        sequences[row[0]].append(row[1])
    return sequences


def of_stock(config: PluginConfig) -> Sequences:
    """Each user's longest prefix and its target."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = SequentialDataset(config)
        dataset._change_feat_format()
    rows = dataset.inter_feat
    longest = {int(user): row for row, user in enumerate(rows["user_id"])}
    sequences = {}
    for user, row in longest.items():
        ids = [*rows["item_id_list"][row][: rows["item_length"][row]].tolist(), int(rows["item_id"][row])]
        sequences[str(dataset.id2token("user_id", user))] = dataset.id2token("item_id", ids).tolist()
    return sequences


def of_ours(config: PluginConfig) -> list[list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = DomainDataset(config)
        dataset._change_feat_format()
    return [dataset.id2token("item_id", np.asarray(sequence)).tolist() for sequence in dataset.domain()]


def assert_same_order(folder: Path, name: str) -> None:
    expected = {user: items for user, items in of_file(folder / name / f"{name}.inter").items() if len(items) > 1}
    assert of_stock(config(folder, name)) == expected
    assert sorted(of_ours(config(folder, name))) == sorted(expected.values())


def test_milliseconds_keep_their_order(dump: Any, tmp_path: Path) -> None:
    # all 400 of a user within a second: one and the same time as float32
    times = np.random.default_rng(0).permutation(1000)[:800] + 1_590_105_899_000
    rows = [review_of_2023(f"A{k % 2}", f"B{k}", int(time)) for k, time in enumerate(times)]
    prepare(dump("Toys.jsonl", rows), output=tmp_path, name="amazon-toys-games-23")
    assert len(rows_of(tmp_path / "amazon-toys-games-23/amazon-toys-games-23.inter")) == 800
    assert_same_order(tmp_path, "amazon-toys-games-23")


def test_ties_keep_the_order_of_the_source(dump: Any, tmp_path: Path) -> None:
    rows = [review(f"A{k % 3}", f"B{k}", 1_400_000_000 + 86_400 * (k % 2)) for k in range(90)]
    prepare(dump("R_5.json", rows), output=tmp_path, name="x")
    expected = [[f"B{k}" for day in (0, 1) for k in range(90) if k % 3 == user and k % 2 == day] for user in range(3)]
    assert sorted(of_ours(config(tmp_path, "x"))) == sorted(expected)
    assert_same_order(tmp_path, "x")


def test_real_milliseconds(shared: Path) -> None:
    assert_same_order(shared / "atomic", "amazon-electronics-23")


def test_real_dump(shared: Path, tmp_path: Path) -> None:
    prepare(shared / "raw/2023/Musical_Instruments.jsonl.gz", output=tmp_path, name="x")
    assert_same_order(tmp_path, "x")


def test_imported_splits_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("u a b c a d\nv b a\nw d c b a\n")
    import_split(tmp_path / "t.txt", "x", output=tmp_path)
    assert_same_order(tmp_path, "x")


def test_item_fields_come_through(dump: Any, tmp_path: Path) -> None:
    nasty = "\"Unbalanced \t\n quote, \\ 15\" & '5' &quot; <b>\u2028 NA"
    meta = [
        {
            "asin": "B1",
            "title": nasty,
            "category": ["Home & Kitchen"],
            "brand": '"',
            "price": "$3.50",
            "description": [nasty],
        },
        {"asin": "B2", "title": "None", "main_cat": "x", "description": []},
    ]
    rows = [review("A1", f"B{k}", k) for k in range(4)]
    prepare(dump("R_5.json", rows), dump("m.json", meta), output=tmp_path, name="x")
    fields = ["item_id", "title", "categories", "brand", "price", "image", "description"]
    load_col = {"inter": ["user_id", "item_id", "rating", "timestamp"], "item": fields}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = SequentialDataset(config(tmp_path, "x", load_col=load_col))
    frame = dataset.item_feat.set_index("item_id")
    words = {str(dataset.id2token("title", word)) for word in frame["title"][int(dataset.token2id("item_id", "B1"))]}
    assert {"''Unbalanced", "quote,", "\\", "15''", "'5'"} <= words
    assert len(frame) == 5  # padding, and items with and without metadata
    assert frame["price"][int(dataset.token2id("item_id", "B1"))] == 3.5


def test_real_items_come_through(shared: Path, tmp_path: Path) -> None:
    folder = shared / "raw/2018"
    card = prepare(folder / "Gift_Cards_5.json.gz", folder / "meta_Gift_Cards.json.gz", output=tmp_path, name="x")
    load_col = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "title", "price", "description"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = SequentialDataset(config(tmp_path, "x", load_col=load_col))
    assert dataset.item_num - 1 == card["metadata"]["items"]
    assert dataset.inter_num == card["counts"][-1]["interactions"]


@pytest.mark.parametrize("name", ["amazon-beauty", "amazon-industrial-scientific-18", "amazon-electronics-23"])
def test_property_files_are_used(name: str, tmp_path: Path) -> None:
    assert config(tmp_path, name)["load_col"] == {"inter": ["user_id", "item_id", "timestamp"]}
