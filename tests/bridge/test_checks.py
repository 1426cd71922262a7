"""Bad input: every problem found, one line each, nothing written."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import planted
import pytest
import yaml
from conftest import REPOSITORY

from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.cli.main import main
from recbole_metarec.configuration.layers import known_models, resolve
from recbole_metarec.configuration.properties import properties_folder
from recbole_metarec.configuration.rules import problem_of, settings_of
from recbole_metarec.runs.run import run
from recbole_metarec.settings.shared import SharedSettings


def problems(suite: Path, **changes: Any) -> list[str]:
    return find_problems(planted.settings(suite, **changes))


def test_good_settings_have_no_problems(suite: Path) -> None:
    assert problems(suite) == []


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"model": "MetaRek"}, ["--model=MetaRek: no such model; did you mean MetaRec"]),
        ({"learning_rat": 1}, ["--learning_rat: no such key; did you mean learning_rate"]),
        ({"dataset": "planted-targt"}, ["no such dataset; did you mean planted-target"]),
        ({"source_datasets": ["planted-a", "nowhere"]}, ["nowhere: no such dataset; there are planted-a, "]),
        ({"dataset": "amazon-gift-cards-18"}, ["prepare --vintage=2018 --category=Gift_Cards --k_core=5"]),
        ({"source_datasets": ["planted-a", planted.TARGET]}, ["planted-target is the target"]),
        ({"source_datasets": ["planted-a", "planted-a"]}, ["planted-a stands there twice"]),
        ({"dataset": 3}, ["--dataset=3: must be the name of a folder"]),
        ({"data_path": None}, ["--data_path=None: must be the name of a folder"]),
        ({"topk": [5, 99], "valid_metric": "NDCG@5"}, ["--topk=[5, 99]: planted-target has 24 items only"]),
        ({"result_file": f"{__file__}/x.json"}, ["test_checks.py is no folder that you may write to"]),
        ({"source_datasets": 3}, ["--source_datasets=3: must be a list of names"]),
        ({"dataset": "ml-100k-nonsense"}, ["ml-100k-nonsense: no such dataset"]),
        ({"epochs": 0}, ["--epochs=0: must be a whole number, 1 or more"]),
        ({"epochs": "many"}, ["--epochs=many: must be a whole number"]),
        ({"epochs": True}, ["--epochs=True: must be a whole number"]),
        ({"meta_epochs": -1}, ["--meta_epochs=-1: must be a whole number, 0 or more, or ~"]),
        ({"freeze": "yes"}, ["--freeze=yes: must be True or False"]),
        ({"freeze": True, "meta_epochs": None}, ["which there is none of; set meta_epochs to a number"]),
        ({"freeze": True, "warmup_epochs": 0, "meta_epochs": 0}, ["nothing without warmup_epochs or meta_epochs; set"]),
        ({"freeze": True, "warmup_epochs": 0, "meta_epochs": 0, "source_datasets": []}, []),
        ({"learning_rate": -0.1}, ["--learning_rate=-0.1: must be a number, above 0"]),
        ({"learning_rate": float("nan")}, ["--learning_rate=nan: must be a number"]),
        ({"hidden_dropout_prob": 1.5}, ["--hidden_dropout_prob=1.5: must be a number, 0 or more and 1 at most"]),
        ({"backbone": "mamba"}, ["--backbone=mamba: must be one of transformer, gru, lru"]),
        ({"quantizer_heads": 5}, ["--quantizer_heads=5: must divide hidden_size (32)"]),
        ({"n_heads": 3}, ["--n_heads=3: must divide hidden_size (32)"]),
        ({"mask_history": "yes"}, ["--mask_history=yes: must be True or False"]),
        ({"topk": [0]}, ["--topk=[0]: must be a whole number of 1 or more"]),
        ({"metrics": ["Recal"]}, ["--metrics=['Recal']: must list some of"]),
        ({"valid_metric": "NDCG@11"}, ["--valid_metric=NDCG@11: must be one of Recall@10, NDCG@10"]),
        ({"reproducibility": "maybe"}, ["--reproducibility=maybe: must be True or False"]),
        ({"result_file": "out.csv"}, ["--result_file=out.csv: must be the name of a .json file"]),
        ({"benchmark_filename": ["train"]}, ["--benchmark_filename: MetaRec needs whole sequences"]),
        ({"clip_grad_norm": {"max_norm": 0}}, ["must be a mapping as in {max_norm: 5.0}, or ~"]),
        ({"sources_per_step": 0}, ["--sources_per_step=0: must be a whole number, 1 or more, or ~"]),
        ({"eval_args": {"split": {"LS": "valid_and_test"}, "order": "RO"}}, [": order must be TO, as in"]),
        ({"seed": -1, "backbone": "x", "nonsense": 1}, ["--nonsense: no such key", "--backbone=x", "--seed=-1"]),
    ],
)
def test_each_problem_has_its_line(suite: Path, changes: dict[str, Any], wanted: list[str]) -> None:
    found = problems(suite, **changes)
    assert len(found) == len(wanted), found
    for line in wanted:
        assert any(line in problem for problem in found), found
    assert all("\n" not in problem for problem in found)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, []),
        ({"adapt": "relern"}, ["--adapt=relern: must be one of relearn, finetune, frozen, scratch"]),
        ({"adapt": "frozen", "source_datasets": []}, ["--adapt=frozen: there is nothing to adapt"]),
        ({"pretrained": "nowhere-core.pth"}, ["--pretrained=nowhere-core.pth: no such file"]),
        ({"pretrained": __file__, "adapt": "scratch"}, ["has no part in --adapt=scratch"]),
        ({"modalities": ["text", "sound"]}, ["--modalities=['text', 'sound']: must list some of text, image, price"]),
        ({"modalities": []}, ["must list some of text, image, price"]),
        ({"text_fields": []}, ["--text_fields=[]: must be a list of names, as in [title,brand]"]),
        ({"image_encoder": "resnet18"}, ["must be vectors or one of torchvision, timm, open_clip with a model"]),
        (
            {"image_encoder": "timm:x"},
            ["--image_weights=None: timm:x needs a file", "--image_folder=None: timm:x needs"],
        ),
        ({"max_bad_features": 2}, ["--max_bad_features=2: must be a number, 0 or more and 1 at most"]),
        ({"n_heads": 3}, ["--n_heads=3: must divide hidden_size (16)"]),
        ({"thaw_after": -1}, ["--thaw_after=-1: must be a whole number, 0 or more, or ~"]),
        ({"quantizer": True}, ["--quantizer: no such key"]),
    ],
)
def test_each_problem_of_ant_has_its_line(tmp_path: Path, changes: dict[str, Any], wanted: list[str]) -> None:
    planted.write_featured_suite(tmp_path, target_users=5, source_users=5)
    found = find_problems(planted.featured_settings(tmp_path, **changes))
    assert len(found) == len(wanted), found
    for line in wanted:
        assert any(line in problem for problem in found), found


def write(root: Path, name: str, content: str) -> None:
    (root / name).mkdir(parents=True)
    (root / name / f"{name}.inter").write_text(content)


HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"
GOOD = HEADER + "".join(f"u\ti{i}\t{i}\n" for i in range(12))


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", "bad.inter: the file is empty"),
        (HEADER, "bad.inter: no interactions below line 1"),
        ("user_id:token\titem_id:token\nu\ti\n", "field 'timestamp' is missing"),
        (HEADER.replace("timestamp:float", "timestamp:token") + "u\ti\t1\n", "write timestamp:float"),
        (HEADER + "u\ti\t1\nu\tj\tsoon\n", "line 3: timestamp 'soon' is not a finite number"),
        (HEADER + "\ti\t1\n", "line 2: user_id is blank"),
        (HEADER + "u\ti\t1\t5\n", "line 2: more than 3 columns"),
        (HEADER + "u\ti\t1\n", "no sequence is long enough"),
    ],
)
def test_bad_files_are_named_with_their_lines(tmp_path: Path, content: str, wanted: str) -> None:
    write(tmp_path, "good", GOOD)
    write(tmp_path, "bad", content)
    for roles in ({"dataset": "good", "source_datasets": ["bad"]}, {"dataset": "bad", "source_datasets": ["good"]}):
        found = find_problems({"model": "MetaRec", "data_path": str(tmp_path), **roles})
        assert len(found) == 1, found
        assert wanted in found[0]


def test_a_folder_without_its_file_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, "good", GOOD)
    (tmp_path / "empty").mkdir()
    found = find_problems(
        {"model": "MetaRec", "data_path": str(tmp_path), "dataset": "good", "source_datasets": ["empty"]}
    )
    assert found == [f"{tmp_path / 'empty' / 'empty.inter'}: no such file"]


def test_all_problems_of_all_kinds_come_at_once(tmp_path: Path) -> None:
    write(tmp_path, "good", GOOD)
    settings = {
        "model": "MetaRec",
        "data_path": str(tmp_path),
        "dataset": "good",
        "source_datasets": ["good", "absent"],
        "n_layers": 0,
        "typo": 1,
    }
    assert len(find_problems(settings)) == 4


@pytest.mark.parametrize("model", ["MetaRec", "ANT"])
def test_every_key_of_a_shipped_model_has_a_rule(model: str) -> None:
    keys = yaml.safe_load((properties_folder() / "model" / f"{model}.yaml").read_text()).keys()
    own, *shared = (settings.model_fields.keys() for settings in settings_of(model))
    assert own - {*chain(*shared)} <= keys <= {*own, *chain(*shared)}


def test_every_key_of_this_package_has_a_rule() -> None:
    keys = yaml.safe_load((properties_folder() / "overall.yaml").read_text()).keys()
    assert keys <= SharedSettings.model_fields.keys()


def test_every_shipped_property_file_loads_and_passes(tmp_path: Path) -> None:
    files = sorted(properties_folder().glob("*/*.yaml"))
    assert files
    for file in files:
        model, _, preset = (file.stem if file.parent.name == "model" else "MetaRec").partition("-")
        dataset = file.stem if file.parent.name == "dataset" else "good"
        settings = {"model": model, "dataset": dataset, "preset": preset or None}
        effective = resolve(model, settings).defaults
        assert not {key: line for key, value in effective.items() if (line := problem_of(model, key, value))}
        PluginConfig(model, dataset, {"gpu_id": "", "preset": preset or None})


def test_the_shipped_default_needs_no_flags(tmp_path: Path) -> None:
    defaults = resolve("MetaRec", {}).defaults
    settings = {"model": "MetaRec", "dataset": defaults["dataset"], "data_path": str(tmp_path)}
    assert find_problems(settings) == []
    assert len(resolve("MetaRec", settings).defaults["source_datasets"]) == 16


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, []),
        ({"val_interval": {"rating": "[3,inf)"}}, []),
        ({"val_interval": {"stars": "[3,inf)"}}, ["ml-100k-war has no column stars"]),
        ({"topk": 5000}, ["--topk=5000: ml-100k-war has 67 items only"]),
        ({"TIME_FIELD": "time"}, ["ml-100k-war.inter: field 'time' is missing; line 1 has user_id:token, "]),
        ({"field_separator": ","}, ["ml-100k-war.inter will have tabs between columns; leave it out"]),
        ({"dataset": "ml-100k-warr"}, ["ml-100k-warr: no such dataset; did you mean ml-100k-war"]),
    ],
)
@pytest.mark.parametrize("model", ["MetaRec", "Pop"])
def test_embedded_domains_are_checked_before_they_are_made(
    tmp_path: Path, model: str, changes: dict[str, Any], wanted: list[str]
) -> None:
    root = tmp_path / "data"
    found = find_problems(
        {"model": model, "dataset": "ml-100k-war", "source_datasets": [], "data_path": str(root), **changes}
    )
    assert not root.exists()
    assert len(found) == len(wanted), found
    assert all(line in problem for line, problem in zip(wanted, found, strict=True)), found


def test_embedded_domains_are_made_when_a_run_begins(tmp_path: Path) -> None:
    root = tmp_path / "data"
    settings = {"model": "Pop", "dataset": "ml-100k-fantasy", "data_path": str(root), "gpu_id": "", "epochs": 1}
    (result,) = run({**settings, "val_interval": {"rating": "[2,inf)"}, "show_progress": False})
    assert result.n_targets > 0
    assert (root / "ml-100k-fantasy" / "ml-100k-fantasy.inter").is_file()


def test_recboles_models_are_known() -> None:
    assert {"MetaRec", "SASRec", "GRU4Rec", "BERT4Rec", "Pop", "BPR"} <= set(known_models())


def test_arguments_are_read_as_yaml() -> None:
    given = [
        "--model=MetaRec",
        "--learning_rate=1e-3",
        "--topk=[5,10]",
        "--source_datasets=a,b",
        "--gpu_id=",
        "--x=None",
        "--dataset=18",
    ]
    assert parse_arguments(given) == {
        "model": "MetaRec",
        "learning_rate": 0.001,
        "topk": [5, 10],
        "source_datasets": ["a", "b"],
        "gpu_id": "",
        "x": None,
        "dataset": "18",
    }


def test_the_command_line_stands_above_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("epochs: 3\nseed: 7\n")
    (tmp_path / "b.yaml").write_text("seed: 8\n")
    files = f"--config_files={tmp_path}/a.yaml,{tmp_path}/b.yaml"
    assert parse_arguments([files, "--epochs=5"]) == {"epochs": 5, "seed": 8}


def test_bad_arguments_are_all_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "broken.yaml").write_text("a: [\n")
    files = f"--config_files={tmp_path}/absent.yaml,{tmp_path}/list.yaml,{tmp_path}/broken.yaml"
    assert main(["--model=MetaRec", "epochs=3", "--seed", "--topk=[5", "--lr=1", "--lr=2", files]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7
    assert all(line.startswith("error: ") for line in lines)


def test_no_arguments_show_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["--help"]) == 0
    shown = capsys.readouterr()
    assert shown.err.startswith("Usage: ")
    assert shown.out.startswith("Usage: ")


def test_the_command_exits_with_2_without_a_traceback_and_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "run_recbole_metarec.py"), "--model=MetaRec", "--dataset=absent"]
    done = subprocess.run([*command, "--epochs=x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_training_that_breaks_off_says_so_in_a_line(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = planted.settings(suite, learning_rate=1e30, learner="sgd", clip_grad_norm=None)
    arguments = [f"--{key}={value}" for key, value in settings.items() if value is not None]
    assert main([*arguments, "--clip_grad_norm=None"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert "training broke off: loss" in line


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"deliver": "scratch", "scratch_control": False}, "--deliver=scratch: is not trained with"),
        ({"deliver": "transfer", "source_datasets": []}, "--deliver=transfer: there is one model only without sources"),
        ({"deliver": "transfer", "scratch_control": False}, None),
        ({"model": "Pop", "train_users": 0.5}, "--train_users=0.5: Pop cannot train on some of the users"),
        ({"model": "SASRec", "train_users": 0.5}, None),
        ({"model": "Memory", "train_users": 0.5}, None),
    ],
)
def test_what_cannot_be_had_together_is_said_before_anything_is_trained(
    suite: Path, changes: dict[str, Any], wanted: str | None
) -> None:
    settings = planted.settings(suite, **changes)
    if changes.get("model", "MetaRec") != "MetaRec":
        keys = ("model", "dataset", "data_path", "gpu_id", "state", "train_users")
        settings = {key: settings[key] for key in keys}
    found = find_problems(settings)
    assert [line for line in found if wanted and wanted in line] == found
    assert bool(found) == (wanted is not None)


@pytest.mark.parametrize(("model", "needed"), [("ANT", True), ("MetaRec", False), ("SASRec", False)])
def test_a_broken_file_of_features_is_named_before_anything_is_trained(
    tmp_path: Path, model: str, needed: bool
) -> None:
    planted.write_featured_suite(tmp_path)
    target = planted.FEATURED_TARGET
    path = tmp_path / target / f"{target}.item"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    found = find_problems({"model": model, "dataset": target, "data_path": str(tmp_path)})
    assert [line for line in found if "stands there twice" in line] == found
    assert bool(found) == needed
