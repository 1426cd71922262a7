from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import planted
import pytest
import torch
from recbole.config import Config
from recbole.quick_start import load_data_and_model, run_recbole
from recbole.utils import get_trainer

from recbole_metarec.bridge.checkpoint import restore
from recbole_metarec.bridge.config import PluginConfig, to_plain
from recbole_metarec.cli.main import main
from recbole_metarec.errors import UserError
from recbole_metarec.runs.prepare import prepare
from recbole_metarec.runs.run import run_one
from recbole_metarec.training import checkpoint
from recbole_metarec.training.packing import pack


def test_restoring_rebuilds_the_configuration(suite: Path) -> None:
    config = PluginConfig("MetaRec", planted.TARGET, planted.settings(suite))
    state = restore({"format": checkpoint.FORMAT, "config": to_plain(config), "state_dict": {}}, "x.pth")
    assert isinstance(state["config"], Config)
    assert state["config"].final_config_dict == config.final_config_dict


def test_restoring_leaves_other_things_alone() -> None:
    for other in ([1], {"format": "another", "config": 3}):
        assert restore(other, "x.pth") is other


def test_a_core_is_no_trained_model(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x-core.pth", {"core": {}, "config": {}})
    with pytest.raises(UserError, match=r"x-core\.pth: is no trained model"):
        load_data_and_model(tmp_path / "x-core.pth")


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
    assert checkpoint.load(Path(result.checkpoint))["format"] == checkpoint.FORMAT
    config, loaded, _, _, _, test_data = load_data_and_model(result.checkpoint)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, loaded)
    found = trainer.evaluate(test_data, load_best_model=False)
    assert {name.lower(): value for name, value in found.items()} == pytest.approx(result.test, abs=1e-6)


def test_checkpoints_of_stock_runs_keep_the_stock_configuration(suite: Path) -> None:
    settings = {"data_path": str(suite), "gpu_id": "", "epochs": 1, "show_progress": False, "state": "ERROR"}
    settings["load_col"] = {"inter": ["user_id", "item_id", "timestamp"]}
    result = run_recbole(model="BPR", dataset=planted.TARGET, config_dict=settings)
    (file,) = Path("saved").glob("BPR*.safetensors")
    config, loaded, _, _, _, test_data = load_data_and_model(str(file))
    assert config["mask_history"] is None
    assert config["eval_args"]["split"] == {"RS": [0.8, 0.1, 0.1]}
    trainer = get_trainer(config["MODEL_TYPE"], "BPR")(config, loaded)
    assert dict(trainer.evaluate(test_data, load_best_model=False)) == pytest.approx(dict(result["test_result"]))


@pytest.fixture(scope="module")
def trained(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = str(tmp_path_factory.mktemp("saved"))
    result = run_one(planted.settings(suite, warmup_epochs=1, epochs=2, checkpoint_dir=folder))
    return Path(str(result.checkpoint))


def resume(suite: Path, file: Path, **changes: object) -> int:
    given = planted.settings(suite, warmup_epochs=1, epochs=3, scratch_control=False, resume=file, **changes)
    return main([f"--{key}={str(value).replace(chr(39), chr(34))}" for key, value in given.items()])


def write_old(path: Path, state: dict[str, Any]) -> None:
    torch.save(pack({**state, "format": checkpoint.OLD_FORMAT}), path)


def damaged(
    trained: Path,
    path: Path,
    change: Callable[[dict[str, Any]], object],
    write: Callable[[Path, dict[str, Any]], None] = checkpoint.save,
) -> Path:
    state = checkpoint.load(trained)
    change(state)
    write(path, state)
    return path


WEIGHT = "item_embedding.weight"
TENSORS: dict[str, Callable[[torch.Tensor], object]] = {
    "holds numbers that are not finite": lambda weight: weight * torch.nan,
    "holds numbers that are not finite ": lambda weight: weight.double() * 0 + 1e300,
    "is of torch.int64, not torch.float32": lambda weight: weight.long(),
    "is of torch.complex64, not torch.float32": lambda weight: weight + 0j,
    "is of torch.bool, not torch.float32": lambda weight: weight > 0,
    "is no tensor but of type str": lambda weight: "weight",
    "is of layout torch.sparse_coo, not torch.strided": lambda weight: weight.to_sparse(),
    "is a tensor without values": lambda weight: weight.to("meta"),
    "is of shape": lambda weight: weight[1:],
}


@pytest.mark.parametrize("message", TENSORS)
def test_a_tensor_that_cannot_be_a_models_is_named(trained: Path, suite: Path, tmp_path: Path, message: str) -> None:
    def change(state: dict[str, Any]) -> None:
        state["state_dict"][WEIGHT] = TENSORS[message](state["state_dict"][WEIGHT])

    path = damaged(trained, tmp_path / "x.pth", change, write_old if "without values" in message else checkpoint.save)
    line = rf"^\S*x\.pth: does not fit the model: {WEIGHT} {message.strip()}[^\n]*$"
    with pytest.raises(UserError, match=line):
        load_data_and_model(path)
    trainer, *_ = prepare(PluginConfig("MetaRec", planted.TARGET, planted.settings(suite)))
    with pytest.raises(UserError, match=line):
        trainer.resume_checkpoint(path)


def test_other_widths_of_a_number_are_taken(trained: Path, tmp_path: Path) -> None:
    def change(state: dict[str, Any]) -> None:
        state["state_dict"][WEIGHT] = state["state_dict"][WEIGHT].double()

    loaded = [load_data_and_model(path)[1] for path in (trained, damaged(trained, tmp_path / "x.pth", change))]
    assert torch.equal(*(model.state_dict()[WEIGHT] for model in loaded))


@pytest.mark.parametrize("names", [None, 5, "abc", [1, 2]])
def test_a_checkpoint_has_the_names_of_its_items(trained: Path, tmp_path: Path, names: object) -> None:
    path = damaged(trained, tmp_path / "x.pth", lambda state: state.update(item_tokens=names))
    with pytest.raises(UserError, match=r"x\.pth: is damaged: item_tokens is no list of names$"):
        load_data_and_model(path)


def test_damaged_values_beside_the_weights_are_named(trained: Path, suite: Path, tmp_path: Path) -> None:
    path = damaged(trained, tmp_path / "x.pth", lambda state: state.update(other_parameter={"a": {"scipy.sparse": 1}}))
    with pytest.raises(UserError, match=r"x\.pth: is damaged: KeyError: 'parts'"):
        load_data_and_model(path)
    trainer, _, _, test_data = prepare(PluginConfig("MetaRec", planted.TARGET, planted.settings(suite)))
    damaged(trained, path, lambda state: state.pop("other_parameter"))
    with pytest.raises(UserError, match=r"x\.pth: is damaged: KeyError: 'other_parameter'"):
        trainer.evaluate(test_data, model_file=str(path))


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "epoch is of type str": lambda state: state.update(epoch="two"),
    "epoch is of type bool": lambda state: state.update(epoch=True),
    "epoch is of type float": lambda state: state.update(epoch=1.5),
    "cur_step is missing": lambda state: state.pop("cur_step"),
    "best_valid_score is of type NoneType": lambda state: state.update(best_valid_score=None),
    "rng is of type list": lambda state: state.update(rng=[1]),
    "RuntimeError: ": lambda state: state.update(rng=state["rng"][:10]),
    "TypeError: ": lambda state: state.update(rng=state["rng"].float()),
    "config is of type str": lambda state: state.update(config="x"),
    "state_dict is of type list": lambda state: state.update(state_dict=[]),
    "other_parameter is of type str": lambda state: state.update(other_parameter="x"),
    "optimizer is of type list": lambda state: state.update(optimizer=[]),
    "KeyError: 'dense'": lambda state: state.update(optimizer={}),
    "TypeError: lr of the optimizer": lambda state: state["optimizer"]["dense"]["param_groups"][0].update(lr="x"),
    "KeyError: 'lr'": lambda state: state["optimizer"]["dense"]["param_groups"][0].pop("lr"),
    "ValueError: exp_avg of the optimizer has shape": lambda state: moments(state).update(exp_avg=torch.ones(3)),
    "ValueError: exp_avg of the optimizer is not finite": lambda state: moments(state)["exp_avg"].fill_(torch.nan),
    "KeyError: 'inner_rates'": lambda state: state.pop("inner_rates"),
    "ValueError: zip": lambda state: state.update(inner_rates=[]),
    "TypeError: 'str' object cannot be": lambda state: state.update(steps="x"),
    "AttributeError: ": lambda state: state.update(weight_history=["x"]),
    "TypeError: copy_": lambda state: state.update(similarities="x"),
    "KeyError: 'source_tables'": lambda state: state.pop("source_tables"),
    "does not fit the model: planted-a holds": lambda state: state["source_tables"]["planted-a"].fill_(torch.inf),
}


def moments(state: dict[str, Any]) -> Any:
    return next(iter(state["optimizer"]["dense"]["state"].values()))


@pytest.mark.parametrize("message", DAMAGES)
def test_no_run_goes_on_from_a_damaged_checkpoint(
    trained: Path, suite: Path, tmp_path: Path, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damaged(trained, tmp_path / "x.pth", DAMAGES[message])
    before = path.read_bytes()
    assert resume(suite, path) == 2
    *_, line = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert f"{path}: " in line
    assert message in line
    assert path.read_bytes() == before


def test_other_sizes_are_one_short_line(trained: Path, suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resume(suite, trained, hidden_size=16) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line == f"error: {trained}: is of hidden_size=32, not 16"
