"""The benchmark on Amazon targets: suites are settings of comparisons, recorded runs are printed as they are."""

from __future__ import annotations

import base64
import collections
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import planted
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import recorded
import transfer
from shuffle_items import shuffle_items

from recbole_metarec.comparison.labels import asked_models
from recbole_metarec.configuration.layers import known_models, resolve
from recbole_metarec.configuration.rules import problem_of
from recbole_metarec.evaluation.targets import Ranks

PAGE = Path(__file__).parent.parent / "docs" / "results" / "transfer.md"


def ranks_of(seed: int) -> dict[str, Ranks]:
    rng = np.random.default_rng(seed)
    return {protocol: rng.integers(0, 11, 300) for protocol in ("masked", "unmasked")}


def record(folder: Path, name: str, seed: int, ranks: dict[str, Ranks], **facts: object) -> None:
    packed = {
        protocol: base64.b64encode(zlib.compress(of_all.astype("u1").tobytes())).decode()
        for protocol, of_all in ranks.items()
    }
    path = folder / "office" / "users-1" / f"{name}-{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"stopped": "patience", "cpu_seconds": 1234, **facts, "ranks": packed}))


def test_a_recorded_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    record(tmp_path, "metarec", 3, ranks_of(3), model="MetaRec")
    found = recorded.load(tmp_path / "office" / "users-1" / "metarec-3.json")
    assert found.facts == {"model": "MetaRec", "stopped": "patience", "cpu_seconds": 1234}
    for protocol, ranks in ranks_of(3).items():
        np.testing.assert_array_equal(found.ranks[protocol], ranks)


def test_the_table_tells_means_spread_and_what_was_capped(tmp_path: Path) -> None:
    for seed in (1, 2):
        record(tmp_path, "scratch", seed, ranks_of(seed), model="MetaRec")
        record(tmp_path, "sasrec", seed, ranks_of(seed + 2), model="SASRec", stopped="cap")
    lines = recorded.table(tmp_path, "office", 1, range(1, 4)).splitlines()
    scratch, sasrec = (line.split(" | ") for line in lines[-2:])
    recalls = [(ranks_of(seed)["masked"] > 0).mean() for seed in (1, 2)]
    assert scratch[:2] == ["| scratch", "2"]
    assert scratch[3] == f"{np.mean(recalls):.4f} ± {np.std(recalls, ddof=1):.4f}"
    assert scratch[6:8] == ["", ""]
    assert sasrec[0] == "| RecBole SASRec*"
    assert sasrec[8] == "1,234 |"
    _, of_seeds = sasrec[6].split("; by seed ")
    assert len(of_seeds.split(", ")) == 2
    low, high = sasrec[6].split(";")[0].split("(")[1].split(" to ")
    change, low, high = (float(text.rstrip("%")) for text in (sasrec[6].split()[0], low, high))
    assert low <= change <= high


def test_the_tables_of_the_page_are_those_of_the_records() -> None:
    table = recorded.table(recorded.FOLDER, "office", 1, range(1, 4))
    assert table in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", transfer.SUITES)
def test_a_suite_has_sound_settings(name: str) -> None:
    settings = transfer.read_suite(name)
    for label in asked_models(settings):
        model, _, variant = label.partition(":")
        resolved = resolve(model, settings)
        assert model in known_models()
        assert not variant or (resolved.spec and variant in resolved.spec.every_variant())
        assert all(problem_of(model, key, settings[key]) is None for key in settings if key != "model")
        assert settings["dataset"] not in resolved["source_datasets"]


def test_a_suite_is_compared_once(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"hidden_size": 16, "inner_size": 16, "quantizer_heads": 2, "warmup_epochs": 1, "meta_epochs": 1}
    named = {"dataset": planted.TARGET, "source_datasets": [*planted.FRIENDLY], "model": ["MetaRec", "Pop"]}
    common = {**small, "data_path": str(suite), "seeds": 1, "seed": 1, "gpu_id": "", "show_progress": False}
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "common.yaml").write_text(yaml.safe_dump({**common, "comparison_folder": "runs"}))
    (tmp_path / "suites" / "planted.yaml").write_text(yaml.safe_dump(named))
    monkeypatch.setattr(transfer, "FOLDER", tmp_path / "suites")
    monkeypatch.setattr(transfer, "SUITES", ["planted"])
    monkeypatch.setattr("sys.argv", ["transfer.py", "--users", "1", "--epochs=1", "--topk=[5]"])
    transfer.main()
    first = capsys.readouterr()
    assert first.err.count(" begins") == 5  # with scratch, the ensemble and the memory
    assert "Transfer against scratch" in first.out
    assert "NDCG@5" in first.out
    transfer.main()
    again = capsys.readouterr()
    assert " begins" not in again.err
    assert again.out == first.out


def test_shuffled_items_stand_in_the_same_rows(suite: Path, tmp_path: Path) -> None:
    name = shuffle_items(suite, planted.FRIENDLY[0], tmp_path / "data")
    assert {path.name for path in (tmp_path / "data").iterdir()} == {name, *(path.name for path in suite.iterdir())}
    shuffled, source = (
        [line.split("\t") for line in (tmp_path / "data" / domain / f"{domain}.inter").read_text().splitlines()]
        for domain in (name, planted.FRIENDLY[0])
    )
    item = source[0].index("item_id:token")
    assert [row[:item] + row[item + 1 :] for row in shuffled] == [row[:item] + row[item + 1 :] for row in source]
    items, expected = ([row[item] for row in rows[1:]] for rows in (shuffled, source))
    assert items != expected
    assert collections.Counter(items) == collections.Counter(expected)
