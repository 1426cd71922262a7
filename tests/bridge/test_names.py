"""What was learnt of items goes to the items of the same names, or nowhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import planted
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recbole.quick_start import load_data_and_model

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.names import _difference
from recbole_metarec.errors import UserError
from recbole_metarec.runs.prepare import prepare
from recbole_metarec.runs.run import run_one
from recbole_metarec.training import checkpoint

QUICK = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 2}


@pytest.fixture
def data(suite: Path, tmp_path: Path) -> Path:
    shutil.copytree(suite, tmp_path / "data")
    return tmp_path / "data"


def file_of(data: Path, name: str = planted.TARGET) -> Path:
    return data / name / f"{name}.inter"


def settings_of(data: Path, model: str) -> dict[str, Any]:
    if model == "MetaRec":
        return planted.settings(data, **QUICK)
    keys = ("dataset", "data_path", "gpu_id", "show_progress", "state", "seed")
    return {**{key: planted.settings(data)[key] for key in keys}, "model": model, "epochs": 1}


def rewrite(path: Path, change: str) -> None:
    header, *lines = path.read_text().splitlines()
    user, item, _ = lines[0].split("\t")
    changed = {
        "order": lines[::-1],
        "one more": [*lines, f"{user}\tbrandnew\t1800000000000"],
        "renamed": [line.replace(f"{item}\t", "brandnew\t") for line in lines],
        "users": [line.replace(f"{user}\t", "somebody\t") for line in lines],
    }[change]
    path.write_text("\n".join([header, *changed]) + "\n")


@pytest.mark.parametrize("model", ["MetaRec", "SASRec", "BPR"])
def test_a_checkpoint_is_refused_where_numbers_stand_for_other_items(data: Path, model: str) -> None:
    result = run_one(settings_of(data, model))
    assert "brandnew" not in checkpoint.load(Path(str(result.checkpoint)))["item_tokens"]
    original = file_of(data).read_text()
    for change, message in [
        ("order", "items are not those of the checkpoint: they come in another order"),
        ("one more", "items are not those of the checkpoint: 1 new, as 'brandnew'; "),
        ("renamed", r"items are not those of the checkpoint: 1 new, as 'brandnew' and 1 missing, as 'planted-target-i"),
    ]:
        rewrite(file_of(data), change)
        with pytest.raises(UserError, match=message):
            load_data_and_model(result.checkpoint)
        trainer, _, _, test_data = prepare(PluginConfig(model, planted.TARGET, settings_of(data, model)))
        with pytest.raises(UserError, match=message):
            trainer.evaluate(test_data, model_file=result.checkpoint)
        with pytest.raises(UserError, match=message):
            trainer.resume_checkpoint(result.checkpoint)
        file_of(data).write_text(original)
    load_data_and_model(result.checkpoint)


def test_users_count_for_models_that_have_something_of_each(data: Path) -> None:
    ours, recboles = (run_one(settings_of(data, model)).checkpoint for model in ("MetaRec", "BPR"))
    rewrite(file_of(data), "users")
    load_data_and_model(ours)
    with pytest.raises(UserError, match=r"users are not those of the checkpoint: 1 new, as 'somebody' and 1 missing"):
        load_data_and_model(recboles)


def test_no_run_goes_on_for_another_target_or_with_other_sources(data: Path) -> None:
    run = run_one(settings_of(data, "MetaRec"))
    file, given = str(run.checkpoint), settings_of(data, "MetaRec")
    other = {**given, "dataset": "planted-a", "source_datasets": [planted.TARGET]}
    trainer = prepare(PluginConfig("MetaRec", "planted-a", other))[0]
    with pytest.raises(UserError, match=r"is of dataset planted-target, not of planted-a") as raised:
        trainer.resume_checkpoint(file)
    assert len(raised.value.problems) == 2
    rewrite(file_of(data, "planted-a"), "order")
    trainer, train_data, valid_data, _ = prepare(PluginConfig("MetaRec", planted.TARGET, given))
    trainer.resume_checkpoint(file)
    with pytest.raises(UserError, match="planted-a: is not the source that it was"):
        trainer.fit(train_data, valid_data)


tokens = st.lists(st.text("abc", min_size=1, max_size=2), unique=True)


@given(tokens, tokens)
@settings(deadline=None)
def test_lists_differ_exactly_where_a_number_stands_for_something_else(before: list[str], now: list[str]) -> None:
    assert bool(_difference(before, now)) == (before != now)
