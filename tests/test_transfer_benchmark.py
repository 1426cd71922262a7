"""The benchmark over suites: runs are stored once, capped where asked, and tabulated as they are."""

from __future__ import annotations

import collections
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import planted
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import transfer
from suites import training, trimming, variants
from suites.store import Key, Outcome, load, save
from suites.table import render

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.runs.prepare import prepare

SMALL = {"hidden_size": 16, "inner_size": 16, "quantizer_heads": 2, "warmup_epochs": 1, "meta_epochs": 1}


@pytest.fixture
def planted_suite(suite: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setitem(variants.SUITES, "planted", variants.Suite(planted.TARGET, planted.FRIENDLY))
    for name in ("metarec", "hostile", "scratch"):
        monkeypatch.setitem(variants.VARIANTS, name, variants.VARIANTS[name]._replace(settings=SMALL))
    yield suite
    logging.disable(logging.NOTSET)


def outcome(seed: int, stopped: str = "patience") -> Outcome:
    rng = np.random.default_rng(seed)
    ranks = {protocol: rng.integers(0, 11, 300) for protocol in ("masked", "unmasked")}
    return Outcome(ranks, {"stopped": stopped, "cpu_seconds": 1234})


def test_a_stored_run_is_what_was_saved(tmp_path: Path) -> None:
    key = Key("office", 0.1, "metarec", 3)
    assert load(tmp_path, key) is None
    save(tmp_path, key, outcome(3))
    found = load(tmp_path, key)
    assert found is not None
    assert found.facts == outcome(3).facts
    for protocol, ranks in outcome(3).ranks.items():
        np.testing.assert_array_equal(found.ranks[protocol], ranks)


def test_the_table_tells_means_spread_and_what_was_capped(tmp_path: Path) -> None:
    for seed in (1, 2):
        save(tmp_path, Key("office", 1, "scratch", seed), outcome(seed))
        save(tmp_path, Key("office", 1, "sasrec", seed), outcome(seed + 2, "cap"))
    lines = render(tmp_path, "office", 1, range(1, 4)).splitlines()
    scratch, sasrec = (line.split(" | ") for line in lines[-2:])
    recalls = [(outcome(seed).ranks["masked"] > 0).mean() for seed in (1, 2)]
    assert scratch[:2] == ["| scratch", "2"]
    assert scratch[3] == f"{np.mean(recalls):.4f} ± {np.std(recalls, ddof=1):.4f}"
    assert scratch[6:8] == ["", ""]
    assert sasrec[0] == "| RecBole SASRec*"
    assert sasrec[8] == "1,234 |"
    found, of_seeds = sasrec[6].split("; by seed ")
    assert len(of_seeds.split(", ")) == 2
    low, high = found.split("(")[1].split(" to ")
    change, low, high = (float(text.rstrip("%")) for text in (sasrec[6].split()[0], low, high))
    assert low <= change <= high


def test_a_hostile_source_has_the_same_rows_but_for_the_order_of_items(suite: Path, tmp_path: Path) -> None:
    folder, name = training._with_hostile_source(suite, [planted.TARGET, planted.FRIENDLY[0]], tmp_path)
    shuffled, source = (
        [line.split("\t") for line in (folder / domain / f"{domain}.inter").read_text().splitlines()]
        for domain in (name, planted.FRIENDLY[0])
    )
    item = source[0].index("item_id:token")
    assert [row[:item] + row[item + 1 :] for row in shuffled] == [row[:item] + row[item + 1 :] for row in source]
    items, expected = ([row[item] for row in rows[1:]] for rows in (shuffled, source))
    assert items != expected
    assert collections.Counter(items) == collections.Counter(expected)


def test_a_run_is_computed_once(
    planted_suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    command = [f"--data_path={planted_suite}", f"--store={store}", "--suite", "planted", "--seeds=1", "--users", "0.5"]
    monkeypatch.setattr("sys.argv", ["transfer.py", *command, "--cap=0", "--variants", "hostile", "scratch", "sasrec"])
    transfer.main()
    first = capsys.readouterr()
    assert first.err.count("variant=") == 3
    hostile = load(store, Key("planted", 0.5, "hostile", 1))
    assert hostile is not None
    assert hostile.facts["source_datasets"] == [*planted.FRIENDLY, f"{planted.FRIENDLY[-1]}-shuffled"]
    assert (hostile.facts["stopped"], hostile.facts["epochs"]) == ("cap", 1)
    assert {len(ranks) for ranks in hostile.ranks.values()} == {60}
    transfer.main()
    again = capsys.readouterr()
    assert again.err == ""
    assert again.out == first.out
    assert "RecBole SASRec*" in again.out


@pytest.fixture(scope="module")
def featured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("featured")
    planted.write_featured_suite(root)
    return root


@pytest.mark.parametrize("name", trimming.EXACT)
def test_without_padding_recboles_models_learn_and_score_the_same(name: str, featured: Path, tmp_path: Path) -> None:
    settings = {
        **variants.TITLES,
        "data_path": str(featured),
        "checkpoint_dir": str(tmp_path),
        "gpu_id": "",
        "state": "ERROR",
        "MAX_ITEM_LIST_LENGTH": 20,
    }
    trainer, train_data, valid_data, _ = prepare(PluginConfig(name, planted.FEATURED_TARGET, settings))
    model = trainer.model
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    batch, rows = next(iter(train_data)), next(iter(valid_data))[0]
    assert batch[model.ITEM_SEQ].shape[1] == 20 > int(batch[model.ITEM_SEQ_LEN].max())

    def learn() -> list[torch.Tensor]:
        model.zero_grad()
        loss = model.calculate_loss(batch)
        loss.backward()
        gradients = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        return [loss.detach(), gradients, model.full_sort_predict(rows).detach()]

    stock = learn()
    trimming.trim_padding(model)
    for found, expected in zip(learn(), stock, strict=True):
        torch.testing.assert_close(found, expected.view_as(found), rtol=1e-4, atol=1e-6)
