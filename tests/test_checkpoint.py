from __future__ import annotations

import resource
from pathlib import Path

import planted
import pytest
import torch
from recbole.config import Config
from recbole.quick_start import load_data_and_model, run_recbole
from recbole.utils import get_trainer

from recbole_metarec import checkpoint
from recbole_metarec.config import PluginConfig, to_plain
from recbole_metarec.errors import UserError
from recbole_metarec.quick_start import run_one


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "deep" / "x.pth", {"a": torch.arange(3), "b": {"c": [1.5, None, "d"]}})
    state = checkpoint.load(tmp_path / "deep" / "x.pth")
    assert torch.equal(state["a"], torch.arange(3))
    assert state["b"] == {"c": [1.5, None, "d"]}


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    checkpoint.save(path, {"a": 1})
    with pytest.raises(AttributeError, match="pickle"):
        checkpoint.save(path, {"a": lambda: None})
    assert checkpoint.load(path)["a"] == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_other_files_are_a_users_mistake(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.pth"
    if content is None:
        torch.save({"format": "another"}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pth: not a checkpoint"):
        checkpoint.load(path)


def test_a_missing_file_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "x.pth")


def test_restoring_rebuilds_the_configuration(suite: Path) -> None:
    config = PluginConfig("MetaRec", planted.TARGET, planted.settings(suite))
    state = checkpoint.restore({"format": checkpoint.FORMAT, "config": to_plain(config), "state_dict": {}}, "x.pth")
    assert isinstance(state["config"], Config)
    assert state["config"].final_config_dict == config.final_config_dict


def test_restoring_leaves_other_things_alone() -> None:
    for other in ([1], {"format": "another", "config": 3}):
        assert checkpoint.restore(other, "x.pth") is other


def test_a_core_is_no_trained_model(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x-core.pth", {"core": {}, "config": {}})
    with pytest.raises(UserError, match=r"x-core\.pth: is no trained model"):
        load_data_and_model(tmp_path / "x-core.pth")


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pth"
    checkpoint.save(path, {"a": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*x\.pth'"):
            checkpoint.save(path, {"a": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert checkpoint.load(path)["a"] == 1
    assert list(tmp_path.iterdir()) == [path]


RECBOLES = ["SASRec", "BPR", "Pop", "ItemKNN", "EASE", "LightGCN", "DMF"]


@pytest.mark.parametrize("model", RECBOLES)
def test_recboles_models_have_plain_checkpoints_that_give_the_same(suite: Path, model: str) -> None:
    keys = ("dataset", "data_path", "gpu_id", "show_progress", "state", "seed")
    settings = {key: value for key, value in planted.settings(suite).items() if key in keys}
    check_checkpoint({**settings, "model": model, "epochs": 2})


def test_a_module_that_recboles_model_lists_twice_is_kept_once(tmp_path: Path) -> None:
    planted.write_featured_suite(tmp_path, source_users=2)
    keys = ("dataset", "data_path", "gpu_id", "show_progress", "state", "seed")
    settings = {key: value for key, value in planted.featured_settings(tmp_path).items() if key in keys}
    columns = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "title"]}
    check_checkpoint({**settings, "model": "SASRecF", "epochs": 2, "selected_features": ["title"], "load_col": columns})


def check_checkpoint(settings: dict[str, object]) -> None:
    """Check that what a run wrote is plain, and gives the test metrics of the run."""
    result = run_one(settings)
    assert result.checkpoint is not None
    assert torch.load(result.checkpoint, weights_only=True)["format"] == checkpoint.FORMAT
    config, loaded, _, _, _, test_data = load_data_and_model(result.checkpoint)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, loaded)
    found = trainer.evaluate(test_data, load_best_model=False)
    assert {name.lower(): value for name, value in found.items()} == pytest.approx(result.test, abs=1e-6)


def test_checkpoints_of_stock_runs_keep_the_stock_configuration(suite: Path) -> None:
    settings = {"data_path": str(suite), "gpu_id": "", "epochs": 1, "show_progress": False, "state": "ERROR"}
    settings["load_col"] = {"inter": ["user_id", "item_id", "timestamp"]}
    result = run_recbole(model="BPR", dataset=planted.TARGET, config_dict=settings)
    (file,) = Path("saved").glob("BPR*.pth")
    config, loaded, _, _, _, test_data = load_data_and_model(str(file))
    assert config["mask_history"] is None
    assert config["eval_args"]["split"] == {"RS": [0.8, 0.1, 0.1]}
    trainer = get_trainer(config["MODEL_TYPE"], "BPR")(config, loaded)
    assert dict(trainer.evaluate(test_data, load_best_model=False)) == pytest.approx(dict(result["test_result"]))
