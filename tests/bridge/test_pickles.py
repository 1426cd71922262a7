"""A pickle that leaves a mark lies wherever a file is read; nothing unpickles it until somebody allows it."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import torch
from recbole.quick_start import load_data_and_model, run_recbole

from recbole_metarec import allow_pickle
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.cli.main import main
from recbole_metarec.errors import UserError
from recbole_metarec.features.cache import cached
from recbole_metarec.features.image import build_encoder
from recbole_metarec.features.text import TextSpace
from recbole_metarec.features.vectors import read_vectors
from recbole_metarec.models.ant.core_file import load_core
from recbole_metarec.models.ant.settings import ANTSettings
from recbole_metarec.runs.prepare import prepare
from recbole_metarec.runs.run import run_one
from recbole_metarec.runs.stored import Damaged, load_run
from recbole_metarec.training.form import OLD_FORMAT

MARK = Path("mark")
QUICK = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 1}


class Evil:
    """Leaves a mark in the working folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (MARK,)


class Saved:
    """What RecBole's cache holds, as far as it looks at it."""

    config = Evil()


def plant_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Evil()))


def plant_checkpoint(path: Path) -> None:
    torch.save({"config": Evil(), "state_dict": {}}, path)


def plant_old_checkpoint(path: Path) -> None:
    torch.save({"config": Evil(), "state_dict": {}}, path, _use_new_zipfile_serialization=False)


def plant_own_format(path: Path) -> None:
    torch.save({"format": OLD_FORMAT, "core": Evil(), "config": {}, "state_dict": {}}, path)


def plant_array(path: Path) -> None:
    np.save(path, np.array([Evil()], dtype=object))


PLANTS = [plant_pickle, plant_checkpoint, plant_old_checkpoint, plant_own_format]


def stock(suite: Path, **changes: Any) -> dict[str, Any]:
    keys = ("dataset", "data_path", "gpu_id", "show_progress", "state", "seed")
    shared = {key: value for key, value in planted.settings(suite).items() if key in keys}
    shared["load_col"] = {"inter": ["user_id", "item_id", "timestamp"]}
    return {**shared, "epochs": 1, "train_neg_sample_args": None, **changes}


def readers(suite: Path) -> dict[str, Callable[[Path], Any]]:
    """Return functions that read a checkpoint, by name."""
    ours, _, data, _ = prepare(PluginConfig("MetaRec", planted.TARGET, planted.settings(suite)))
    recboles = prepare(PluginConfig("SASRec", planted.TARGET, stock(suite)))[0]
    return {
        "load_data_and_model": lambda path: load_data_and_model(str(path)),
        "resume": ours.resume_checkpoint,
        "resume, RecBole's": recboles.resume_checkpoint,
        "evaluate": lambda path: ours.evaluate(data, model_file=str(path)),
        "evaluate, RecBole's": lambda path: recboles.evaluate(data, model_file=str(path)),
        "core": lambda path: load_core(path, ANTSettings()),
    }


def test_no_checkpoint_is_unpickled(suite: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    for name, read in readers(suite).items():
        for plant in PLANTS:
            plant(path)
            with pytest.raises(UserError) as raised:
                read(path)
            assert len(raised.value.problems) == 1, name
            assert str(path) in raised.value.problems[0]
            assert not MARK.exists(), (name, plant.__name__)


def test_the_refusal_names_the_switch(tmp_path: Path) -> None:
    plant_checkpoint(tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"can run code.*--allow_pickle=True.*recbole_metarec.allow_pickle\(\)"):
        load_data_and_model(tmp_path / "x.pth")


@pytest.mark.parametrize("plant", PLANTS)
def test_the_switch_allows_pickles_but_none_in_this_packages_format(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    plant(tmp_path / "x.pth")
    with allow_pickle(), pytest.raises((UserError, TypeError, RuntimeError)):
        load_data_and_model(tmp_path / "x.pth")
    assert MARK.exists() == (plant is not plant_own_format)


def test_the_switch_ends_with_its_block_and_inner_blocks_leave_it(tmp_path: Path) -> None:
    plant_checkpoint(tmp_path / "x.pth")
    with allow_pickle():
        with allow_pickle(False), pytest.raises(TypeError):
            load_data_and_model(tmp_path / "x.pth")
        MARK.unlink()
    with pytest.raises(UserError):
        load_data_and_model(tmp_path / "x.pth")
    assert not MARK.exists()


@pytest.mark.parametrize("model", ["MetaRec", "SASRec", "Pop"])
def test_saved_data_are_left_alone_by_default(suite: Path, tmp_path: Path, model: str) -> None:
    settings = {"model": model, **(planted.settings(suite, **QUICK) if model == "MetaRec" else stock(suite))}
    (tmp_path / "saved").mkdir()
    for kind in ("DomainDataset", "SequentialDataset", "Dataset", f"for-{model}-dataloader"):
        plant_pickle(tmp_path / "saved" / f"{planted.TARGET}-{kind}.pth")
    run_one(settings)
    run_recbole(model=model, dataset=planted.TARGET, config_dict=settings)
    assert not MARK.exists()


@pytest.mark.parametrize("key", ["dataset_save_path", "dataloaders_save_path"])
def test_named_saved_data_need_the_switch(suite: Path, tmp_path: Path, key: str, capsys: Any) -> None:
    plant_pickle(tmp_path / "evil.pth")
    settings = planted.settings(suite, **QUICK, scratch_control=False, **{key: str(tmp_path / "evil.pth")})
    texts = {name: json.dumps(value) if isinstance(value, list) else value for name, value in settings.items()}
    arguments = [f"--{name}={value}" for name, value in texts.items()]
    assert main(arguments) == 2
    assert f"--{key}={tmp_path / 'evil.pth'}: is a pickle" in capsys.readouterr().err
    with pytest.raises(UserError, match=f"--{key}"):
        run_recbole(model="MetaRec", dataset=planted.TARGET, config_dict=settings)
    assert not MARK.exists()
    assert main([*arguments, "--allow_pickle=True"]) == 2
    assert "evil.pth: " in capsys.readouterr().err
    assert MARK.exists()


@pytest.mark.parametrize("key", ["save_dataset", "save_dataloaders"])
@pytest.mark.parametrize("model", ["MetaRec", "Pop"])
def test_saved_data_are_reused_for_the_same_files_only(suite: Path, tmp_path: Path, model: str, key: str) -> None:
    name = planted.TARGET
    shutil.copytree(suite, tmp_path / "data")
    common = planted.settings(tmp_path / "data", **QUICK) if model == "MetaRec" else stock(tmp_path / "data")
    settings = {**common, "model": model, "source_datasets": [], "allow_pickle": True}
    first = run_one({**settings, key: True})
    (saved,) = (tmp_path / "saved").glob(f"{name}-*.pth")
    before = saved.read_bytes()
    assert run_one(settings).n_users == first.n_users == 60
    lines = (tmp_path / "data" / name / f"{name}.inter").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(f"{name}-u7\t")]
    (tmp_path / "data" / name / f"{name}.inter").write_text("\n".join(kept) + "\n")
    assert run_one(settings).n_users == 59
    assert saved.read_bytes() == before


@pytest.mark.parametrize("model", ["SASRec", "BPR"])
def test_saving_data_loaders_changes_no_number(suite: Path, model: str) -> None:
    settings = {**stock(suite, epochs=2), "model": model}
    if model == "BPR":
        del settings["train_neg_sample_args"]
    assert run_one({**settings, "save_dataloaders": True}).test == run_one(settings).test


def test_features_weights_and_runs_are_not_unpickled(tmp_path: Path) -> None:
    plant_array(tmp_path / "x.npy")
    found = cached(tmp_path, "x", lambda: np.full((1, 1), 7, np.float32))  # computed anew
    assert found.tolist() == [[7]]
    np.savez(tmp_path / "x.npz", item_id=np.array(["a"]), vector=np.array([[Evil()]], dtype=object))
    with pytest.raises(UserError, match=r"x\.npz"):
        read_vectors(tmp_path / "x.npz", ["a"], 0.1)
    np.savez(tmp_path / "y.npz", vocabulary=np.array([Evil()], dtype=object), idf=np.ones(1), projection=np.ones(1))
    with pytest.raises(ValueError, match="allow_pickle"):
        TextSpace.load(tmp_path / "y.npz")
    plant_pickle(tmp_path / "x.json")
    with pytest.raises(Damaged):
        load_run(tmp_path / "x.json")
    assert not MARK.exists()


def test_recboles_item_embeddings_are_numbers(suite: Path, tmp_path: Path) -> None:
    shutil.copytree(suite / planted.TARGET, tmp_path / "data" / planted.TARGET)
    plant_array(tmp_path / "data" / planted.TARGET / "item_emb.npy")
    with pytest.raises(ValueError, match="allow_pickle"):
        run_one(stock(tmp_path / "data", model="LDiffRec", n_cate=2))
    assert not MARK.exists()


TAGS = [
    f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{MARK}]]",
    f"!!python/object/new:os.system ['touch {MARK}']",
    f"!!python/object/apply:os.system ['touch {MARK}']",
]


@pytest.mark.parametrize("tag", TAGS)
def test_yaml_runs_nothing(suite: Path, tmp_path: Path, tag: str, capsys: Any) -> None:
    (tmp_path / "x.yaml").write_text(f"learning_rate: {tag}\n")
    arguments = ["--model=MetaRec", f"--dataset={planted.TARGET}", f"--data_path={suite}"]
    for more in ("--config_files=x.yaml", "--tune=x.yaml", f"--learning_rate={tag}"):
        assert main([*arguments, more]) == 2
        assert capsys.readouterr().err.startswith("error: ")
    with pytest.raises(Exception, match="could not determine a constructor"):
        run_recbole(model="MetaRec", dataset=planted.TARGET, config_file_list=["x.yaml"])
    assert not MARK.exists()


def test_a_checkpoints_configuration_runs_nothing(tmp_path: Path) -> None:
    evaluated = f"__import__('pathlib').Path('{MARK}').touch()"
    for config in ({"teacher": evaluated, "model": "KD_DAGFM"}, {"model": evaluated}, {"dataset": None}):
        torch.save(
            {"format": OLD_FORMAT, "state_dict": {}, "config": {"dataset": "x", "model": "MetaRec", **config}}, "x.pth"
        )
        with pytest.raises(UserError, match=r"x\.pth: "):
            load_data_and_model("x.pth")
    assert not MARK.exists()


def test_weights_of_encoders_are_not_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", pytest)
    plant_checkpoint(tmp_path / "w.pth")
    with pytest.raises(UserError, match="holds pickled objects"):
        build_encoder("timm:x", tmp_path / "w.pth")
    assert not MARK.exists()
