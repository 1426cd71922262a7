"""Runs that begin from a checkpoint of other data: what was learnt of known items stays theirs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import planted
import pytest
import torch
from recbole.quick_start import load_data_and_model

from recbole_metarec import run
from recbole_metarec.bridge.beginning import take_over
from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.configuration.checkpoints import load_beginning
from recbole_metarec.errors import UserError
from recbole_metarec.models.ant.checks import core_problems
from recbole_metarec.runs.prepare import prepare
from recbole_metarec.training import checkpoint

SMALL = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 1, "hidden_size": 16, "inner_size": 16}
TABLE = "item_embedding.weight"


def change(path: Path, user: str) -> None:
    """Reverse the lines of a file, leave out those of one item, and add a user who has two new items."""
    header, *lines = path.read_text().splitlines()
    gone = lines[0].split("\t")[1]
    kept = [line for line in reversed(lines) if line.split("\t")[1] != gone]
    new = [f"{user}\tbrandnew{number % 2}\t{1_700_000_000_000 + number}" for number in range(4)]
    path.write_text("\n".join([header, *new, *kept]) + "\n")


def fitted(settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    trainer, train_data, valid_data, _ = prepare(PluginConfig(settings["model"], settings["dataset"], settings))
    trainer.fit(train_data, valid_data, verbose=False)
    return trainer, checkpoint.load(Path(trainer.saved_model_file))


def begun(settings: dict[str, Any], file: str) -> tuple[Any, Any]:
    """Build a model on the data of now, and give it a checkpoint's weights."""
    config = PluginConfig(settings["model"], settings["dataset"], {**settings, "init_from": file})
    trainer = prepare(config)[0]
    drawn = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    take_over(trainer.model, load_beginning(file, settings["model"]), file)
    return trainer.model, drawn


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """Train MetaRec, then change the target; gives the settings, the checkpoint and what it held."""
    root = tmp_path_factory.mktemp("small")
    planted.write_suite(root, target_users=24, source_users=40)
    settings = planted.settings(root, **SMALL, checkpoint_dir=str(root / "saved"))
    trainer, state = fitted(settings)
    change(root / planted.TARGET / f"{planted.TARGET}.inter", "newcomer")
    return settings, trainer.saved_model_file, state


def test_known_items_keep_their_rows_and_new_ones_are_drawn(small: Any) -> None:
    settings, file, state = small
    model, drawn = begun(settings, file)
    tokens = [str(token) for token in model.field_names["item"][1:]]
    before, now = state["state_dict"], model.state_dict()
    assert {*tokens} - {*state["item_tokens"]} == {"brandnew0", "brandnew1"}
    assert [token for token in tokens if token in state["item_tokens"]] != state["item_tokens"]
    for row, token in enumerate(tokens, 1):
        known = token in state["item_tokens"]
        expected = before[TABLE][state["item_tokens"].index(token) + 1] if known else drawn[TABLE][row]
        assert torch.equal(now[TABLE][row], expected), token
    for name in now.keys() - {TABLE}:
        assert torch.equal(now[name], before[name]), name


def test_known_sources_keep_their_tables_and_need_no_warm_up(small: Any) -> None:
    settings, file, state = small

    def tables(**changes: Any) -> dict[str, torch.Tensor]:
        own = {**settings, "init_from": file, **changes}
        trainer, train_data, *_ = prepare(PluginConfig("MetaRec", planted.TARGET, own))
        trainer._beginning = state
        trainer.begin(train_data, show_progress=False)
        return {task.name: task.table for task in trainer.steps.tasks[1:]}

    for name, table in tables(source_datasets=planted.FRIENDLY).items():
        assert torch.equal(table, state["source_tables"][name])
    state = {**state, "sources": {**state["sources"], planted.HOSTILE: 0}}
    warmed = tables()
    assert not any(torch.equal(table, state["source_tables"][name]) for name, table in warmed.items())


def test_a_run_begins_from_a_checkpoint_and_has_a_control_from_scratch(small: Any, tmp_path: Path) -> None:
    settings, file, _ = small
    before = Path(file).read_bytes()
    settings = {**settings, "source_datasets": [], "checkpoint_dir": str(tmp_path), "init_from": file}
    results = run(settings)
    assert [result.variant for result in results][:3] == ["transfer", "scratch", "ensemble"]
    states = [checkpoint.load(Path(str(result.checkpoint))) for result in results[:2]]
    assert [state["config"]["init_from"] for state in states] == [file, None]
    assert Path(file).read_bytes() == before
    assert find_problems({**settings, "resume": str(results[0].checkpoint)}) == []


def test_texts_are_read_as_the_checkpoint_read_them(tmp_path: Path) -> None:
    planted.write_featured_suite(tmp_path, target_users=30, source_users=10)
    settings = planted.featured_settings(
        tmp_path, transductive=False, source_datasets=[], epochs=1, checkpoint_dir=str(tmp_path / "saved")
    )
    name = planted.FEATURED_TARGET
    settings |= {"feature_cache": str(tmp_path / "cache"), "adapt": "scratch", "modalities": ["text", "price"]}
    trainer, state = fitted(settings)
    before = dict(zip(state["item_tokens"], trainer.model.eval().catalogue()[1][1:], strict=True))
    change(tmp_path / name / f"{name}.inter", "newcomer")
    with (tmp_path / name / f"{name}.item").open("a") as file:
        file.write("brandnew0\tword1 term2 unheard\t\t1.00\nbrandnew1\tword2 unheard\t\t2.00\n")
    model, _ = begun(settings, trainer.saved_model_file)
    now = dict(zip(model.field_names["item"][1:], model.eval().catalogue()[1][1:], strict=True))
    known = before.keys() & now.keys()
    assert len(known) > 50
    for token in known:
        torch.testing.assert_close(now[token], before[token])


def test_what_no_run_can_begin_from_is_one_line(small: Any, tmp_path: Path) -> None:
    settings, file, state = small
    plain = {key: settings[key] for key in ("dataset", "data_path", "gpu_id")}

    def line_of(**changes: Any) -> str:
        (line,) = find_problems({**plain, "model": "MetaRec", "init_from": file, **changes})
        return line

    assert line_of(model="ANT") == f"--init_from={file}: is of model MetaRec, not of ANT"
    for model in ("SASRec", "Memory"):
        assert line_of(model=model) == f"--init_from={file}: {model} cannot begin from a checkpoint; leave it out"
    assert line_of(init_from="nowhere") == "--init_from=nowhere: no such checkpoint"
    assert line_of(source_datasets=settings["source_datasets"], resume=file).endswith(f"None, not of {file}")
    (line,) = core_problems({"pretrained": "x", "adapt": "relearn", "init_from": file, "source_datasets": []})
    assert line.endswith("leave one of them out")
    checkpoint.save(tmp_path / "core", {"core": {}, "config": {}})
    assert "is no trained model" in line_of(init_from=str(tmp_path / "core"))
    with pytest.raises(UserError, match=r"does not fit the model: [^\n]* is of shape [^\n]*$"):
        begun({**settings, "hidden_size": 32}, file)
    checkpoint.save(tmp_path / "damaged", {**state, "item_tokens": ["a"]})
    with pytest.raises(UserError, match="is damaged: ValueError: 25 rows are not those of 1 items and padding"):
        begun(settings, str(tmp_path / "damaged"))


def test_the_checkpoint_needs_not_be_where_it_was_for_models_without_texts(small: Any, tmp_path: Path) -> None:
    settings, file, _ = small
    moved = str(shutil.copy(file, tmp_path / "moved.safetensors"))
    trainer, _ = fitted({**settings, "source_datasets": [], "init_from": moved, "checkpoint_dir": str(tmp_path)})
    Path(moved).unlink()
    assert load_data_and_model(trainer.saved_model_file)[1].n_items == trainer.model.n_items
