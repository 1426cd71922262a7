"""Settings that do nothing are named, sizes beyond memory and odd names of models are a line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import planted
import pytest
from recbole.evaluator import Collector

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.idle import idle_keys, warn_of_idle
from recbole_metarec.comparison.entries import make_entries
from recbole_metarec.comparison.labels import asked_models
from recbole_metarec.configuration.layers import known_models
from recbole_metarec.configuration.properties import properties_folder, read_properties
from recbole_metarec.errors import UserError
from recbole_metarec.runs.prepare import prepare

READ_BY_ALL = ("seed", "epochs", "mask_history", "val_interval", "gpu_id", "log_wandb", "topk", "seeds")


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        ("MetaRec", ["train_neg_sample_args", "loss_type", "require_pow", "kg_reverse_r"]),
        ("ANT", ["train_neg_sample_args", "loss_type", "enable_amp"]),
        ("SASRec", ["source_datasets", "scratch_control", "memory_weight", "text_fields", "require_pow"]),
        ("Pop", ["source_datasets", "entity_kg_num_interval"]),
    ],
)
def test_keys_that_no_code_of_a_model_reads_are_named(
    model: str, keys: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = dict.fromkeys([*READ_BY_ALL, *keys], 1)
    assert idle_keys([model], given) == keys
    warn_of_idle([model], given)
    assert capsys.readouterr().err == "".join(f"warning: --{key}=1: does nothing for {model}\n" for key in keys)


def test_of_several_models_one_that_reads_is_enough() -> None:
    assert idle_keys(["MetaRec", "SASRec"], {"source_datasets": ["a"], "loss_type": "BPR"}) == []


@pytest.mark.parametrize("model", ["MetaRec", "ANT"])
def test_every_setting_of_a_models_own_file_is_read(model: str) -> None:
    own = read_properties(properties_folder() / "model" / f"{model}.yaml")
    assert idle_keys([model], own) == ["train_neg_sample_args"]


@pytest.mark.parametrize("model", sorted({*known_models()} - {"MetaRec", "ANT"}))
def test_what_every_model_reads_is_not_idle(model: str) -> None:
    assert idle_keys([model], dict.fromkeys([*READ_BY_ALL, "load_col", "eval_args", "checkpoint_dir"])) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 10**9},
        {"hidden_size": 10**9, "model": "SASRec", "n_layers": 2},
        {"codebook_size": 10**10},
        {"inner_size": 10**12},
    ],
)
def test_sizes_beyond_memory_are_a_line(suite: Path, changes: dict[str, Any]) -> None:
    settings = planted.settings(suite, **changes)
    config = PluginConfig(str(settings["model"]), planted.TARGET, settings)
    with pytest.raises(UserError) as caught:
        prepare(config)
    key, value = next(iter(changes.items()))
    (line,) = caught.value.problems
    takes = r"parameters and their gradients take at least [\d,.]+ GB of memory, and there are [\d,.]+ GB"
    told = rf"{takes}; write numbers that are at least [\d,]+ times smaller"
    assert re.fullmatch(rf"--{key}={value}: ({told}|more than memory holds; write smaller numbers)", line)
    assert key != "hidden_size" or "times smaller" in line


def test_what_a_model_of_recbole_refuses_is_a_line(suite: Path) -> None:
    settings = {**planted.settings(suite), "model": "NARM", "dropout_probs": [0.1]}
    with pytest.raises(UserError, match="--model=NARM: cannot be built with these settings: IndexError"):
        prepare(PluginConfig("NARM", planted.TARGET, settings))


@pytest.mark.parametrize("model", [None, "", ",", 5, [], [5], [""], {"a": 1}, True])
def test_no_model_is_a_line(model: Any) -> None:
    with pytest.raises(UserError, match="must name a model, or several"):
        asked_models({"model": model})


def test_models_stand_in_a_text_or_a_list() -> None:
    assert asked_models({"model": "MetaRec, SASRec"}) == asked_models({"model": ["MetaRec", "SASRec"]})


def test_all_seeds_of_a_comparison_are_seeds(suite: Path) -> None:
    settings = {**planted.settings(suite), "model": ["MetaRec"], "seed": 2**32 - 1, "seeds": 2}
    with pytest.raises(UserError, match="--seeds=2: the last would be 4294967296; 4294967295 is the largest"):
        make_entries(settings)


def test_recboles_collector_keeps_what_is_no_tensor() -> None:
    settings = {"eval_args": {"mode": "full"}, "topk": [1], "device": "cpu", "metrics": ["ItemCoverage"]}
    collector = Collector(settings)
    collector.data_struct.set("data.num_items", 7)
    for _ in range(2):
        assert collector.get_data_struct().get("data.num_items") == 7
