"""What a check has read is not read again, unless the file has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import planted
import pytest
from recbole.data.dataset import Dataset

from recbole_metarec.bridge import compact
from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.patches import files
from recbole_metarec.domains import atomic, parsed
from recbole_metarec.domains.atomic import read_interactions

FIELDS = ["user_id", "item_id", "timestamp"]
FORMAT = ("\t", "utf-8")


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed, "_kept", {})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.inter"
    path.write_text("user_id:token\titem_id:token\ttimestamp:float\n" + "".join(f"u\ti{n}\t{n}\n" for n in range(5)))
    settle(path, 1)
    return path


def settle(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


def test_a_file_is_parsed_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_interactions(path, FIELDS)
    monkeypatch.setattr(atomic, "read_plain", None)
    pd.testing.assert_frame_equal(read_interactions(path, FIELDS), first)
    pd.testing.assert_frame_equal(read_interactions(path, FIELDS[:2]), first[FIELDS[:2]])


@pytest.mark.parametrize("age", [2, 10**10])
def test_a_file_that_has_changed_is_parsed_anew(path: Path, age: int) -> None:
    read_interactions(path, FIELDS)
    path.write_text(path.read_text().replace("i4", "x4"))
    settle(path, age)
    assert read_interactions(path, FIELDS)["item_id"].tolist()[-1] == "x4"


def test_what_is_taken_is_kept_no_longer(path: Path) -> None:
    read_interactions(path, FIELDS)
    content = parsed.content_of(path, *FORMAT)
    assert parsed.take(parsed.content_of(path, ",", "utf-8"), FIELDS) is None
    taken = parsed.take(content, FIELDS[::-1])
    assert taken is not None
    assert list(taken) == FIELDS[::-1]
    assert parsed.look(content, FIELDS) is None


def test_the_oldest_goes_first_where_there_is_no_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed, "MOST_BYTES", read_interactions(path, FIELDS).memory_usage(deep=True).sum() + 200)
    other = path.with_name("b.inter")
    other.write_text(path.read_text())
    settle(other, 1)
    read_interactions(other, FIELDS)
    assert [parsed.look(parsed.content_of(file, *FORMAT), FIELDS) is None for file in (path, other)] == [True, False]


@pytest.mark.parametrize("model", ["MetaRec", "SASRec"])
def test_training_takes_what_the_check_has_read(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.write_suite(tmp_path)
    for file in tmp_path.rglob("*.inter"):
        settle(file, 1)
    settings = {"model": model, "dataset": planted.TARGET, "data_path": str(tmp_path), "gpu_id": "", "state": "ERROR"}
    config = PluginConfig(model, planted.TARGET, settings)
    expected = DomainDataset(config).inter_feat
    assert find_problems(settings) == []
    monkeypatch.setattr(compact, "read_plain", None)
    pd.testing.assert_frame_equal(DomainDataset(config).inter_feat, expected)


def test_recboles_own_reader_reads_what_the_check_has_found_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.write_suite(tmp_path)
    for file in tmp_path.rglob("*.inter"):
        settle(file, 1)
    settings = {"model": "Pop", "dataset": planted.TARGET, "data_path": str(tmp_path), "gpu_id": "", "state": "ERROR"}
    assert find_problems(settings) == []
    checked: list[Path] = []
    monkeypatch.setattr(files, "check_rows", lambda path, *_: checked.append(path))
    Dataset(PluginConfig("Pop", planted.TARGET, settings))
    assert checked == []
    Dataset(PluginConfig("Pop", planted.TARGET, settings))
    assert [path.name for path in checked] == [f"{planted.TARGET}.inter"]
