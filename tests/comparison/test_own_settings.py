"""Settings of single models of a comparison: from command lines and files, in entries, in the names of kept runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.cli.main import main
from recbole_metarec.comparison.entries import make_entries
from recbole_metarec.comparison.own_settings import divide
from recbole_metarec.comparison.store import run_file
from recbole_metarec.errors import UserError

MODELS = ["MetaRec", "MetaRec:paper", "SASRec"]


@pytest.fixture
def domains(suite: Path) -> dict[str, Any]:
    return {"model": MODELS, "dataset": "planted-target", "source_datasets": ["planted-a"], "data_path": str(suite)}


def test_the_narrowest_name_counts_and_controls_follow_their_model(domains: dict[str, Any]) -> None:
    own = {"MetaRec.epochs": 3, "MetaRec:paper": {"epochs": 4}, "MetaRec:paper-scratch.epochs": 5}
    entries = make_entries({**domains, "epochs": 2, **own})
    assert {entry.label: entry.resolved["epochs"] for entry in entries} == {
        "MetaRec": 3,
        "MetaRec:scratch": 3,
        "MetaRec:paper": 4,
        "MetaRec:paper-scratch": 5,
        "SASRec": 2,
        "Memory": 2,
    }


def test_a_kept_run_is_named_by_what_counts_for_it(domains: dict[str, Any], tmp_path: Path) -> None:
    def files(**settings: Any) -> dict[str, Path]:
        entries = make_entries({**domains, **settings})
        return {entry.label: run_file(tmp_path, entry.label, entry.seeded(1)) for entry in entries}

    plain, for_all, for_one = files(), files(epochs=3), files(**{"SASRec.epochs": 3})
    assert for_one["SASRec"] == for_all["SASRec"] != plain["SASRec"]
    assert {**for_one, "SASRec": None} == {**plain, "SASRec": None}


def test_files_and_arguments_say_the_same_and_arguments_count_more(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("SASRec: {epochs: 30, hidden_size: 64}\nMetaRec:paper:\n  epochs: 4\nepochs: 9\n")
    settings = parse_arguments([f"--config_files={file}", "--SASRec.epochs=20", "--MetaRec.source_datasets=a,b"])
    for_all, own = divide(settings)
    assert for_all == {"epochs": 9}
    assert own.by_name == {
        "SASRec": {"epochs": 20, "hidden_size": 64},
        "MetaRec:paper": {"epochs": 4},
        "MetaRec": {"source_datasets": ["a", "b"]},
    }
    assert own.said()[0] == "Set for SASRec alone: epochs=20, hidden_size=64"


def test_all_that_is_wrong_is_named_for_its_model(domains: dict[str, Any]) -> None:
    wrong = {
        "SASRec.epochs": 0,
        "SASRec.n_layer": 1,
        "SASRek.n_layers": 1,
        "SASRec.seed": 3,
        "MetaRec.epochs": 0,
        "MetaRec:scratch.source_datasets": ["planted-a"],
        "epochs": 0,
    }
    with pytest.raises(UserError) as caught:
        make_entries({**domains, **wrong})
    number = "must be a whole number, 1 or more"
    assert {*caught.value.problems} == {
        "--MetaRec:scratch.source_datasets: is what makes it MetaRec:scratch; leave it out",
        "--SASRek.n_layers: the comparison has no SASRek; did you mean SASRec?",
        "--SASRec.seed: is for all models alike; write --seed=3",
        "--SASRec.n_layer: no such key; did you mean n_layers?",
        f"--SASRec.epochs=0: {number}",
        f"--MetaRec.epochs=0: {number}",
        f"--epochs=0: {number}",
    }


def test_settings_of_one_model_make_a_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model=SASRec", "--dataset=ml-100k-western", "--GRU4Rec.epochs=3"]) == 2
    assert capsys.readouterr().err == "error: --GRU4Rec.epochs: the comparison has no GRU4Rec\n"
