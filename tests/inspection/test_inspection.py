"""What a run leaves in its checkpoint, what is told of it, and what of an environment would go wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import scipy.sparse
import torch
import yaml

from recbole_metarec.cli.main import main
from recbole_metarec.evaluation.wording import percent
from recbole_metarec.files import checksum
from recbole_metarec.inspection import environment
from recbole_metarec.inspection.card import card, table
from recbole_metarec.inspection.environment import Finding, findings
from recbole_metarec.inspection.facts import bytes_of, facts
from recbole_metarec.runs.record import intervals
from recbole_metarec.runs.report import changes
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import run, run_one
from recbole_metarec.training import checkpoint
from recbole_metarec.training.outline import outline

SMALL = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 2, "hidden_size": 16, "inner_size": 16}


@pytest.fixture(scope="module")
def runs(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> list[RunResult]:
    return run(planted.settings(suite, **SMALL, checkpoint_dir=str(tmp_path_factory.mktemp("saved"))))


def state_of(result: RunResult) -> dict[str, Any]:
    return checkpoint.load(Path(str(result.checkpoint)))


def test_a_checkpoint_knows_what_its_run_found(runs: list[RunResult], suite: Path) -> None:
    for number, result in enumerate(runs):
        state = state_of(result)
        metrics = state["metrics"]
        assert (metrics["valid"], metrics["test"]) == (result.valid, result.test)
        assert [each["test"] for each in metrics["controls"]] == [each.test for each in runs if each is not result]
        assert (metrics["protocol"]["n_users"], metrics["protocol"]["seed"]) == (60, 1)
        for name, (low, high) in metrics["intervals"].items():
            assert low <= metrics["test"][name] <= high
        compared = {"transfer", "ensemble"} if number < 3 else set()
        assert bool(metrics["change_over_scratch"]) == (result.variant in compared)
    over = changes(runs[0], runs[1], 2000)["ndcg@10"]
    assert state_of(runs[0])["metrics"]["change_over_scratch"]["ndcg@10"]["relative"] == over.relative


def test_a_checkpoint_knows_its_data(runs: list[RunResult], suite: Path) -> None:
    data = state_of(runs[0])["data"]
    assert list(data["files"]) == [planted.TARGET, *planted.FRIENDLY, planted.HOSTILE]
    for name, files in data["files"].items():
        assert files == {f"{name}.inter": checksum(suite / name / f"{name}.inter")}
    lines = (suite / planted.TARGET / f"{planted.TARGET}.inter").read_text().splitlines()
    assert (data["users"], data["items"], data["interactions"]) == (60, planted.N_ITEMS, len(lines) - 1)
    assert list(state_of(runs[1])["data"]["files"]) == [planted.TARGET]


def test_weights_that_are_needed_twice_are_written_once(runs: list[RunResult]) -> None:
    state = state_of(runs[0])
    (part,) = state["inference"]["encoder"]["parts"]
    assert all(each is state["state_dict"][f"encoder.backbone.{name}"] for name, each in part["weights"].items())


def test_intervals_are_of_metrics_of_ranks_alone(runs: list[RunResult]) -> None:
    assert intervals(runs[0], 100).keys() == runs[0].test.keys()
    assert intervals(RunResult("M", None, "d", [], 1, False, {}, {"ndcg@10": 0.5}), 100) == {}


def test_the_card_beside_a_checkpoint_says_what_was_found(
    runs: list[RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(str(runs[0].checkpoint))
    text = path.with_suffix(".md").read_text()
    assert text == card(state_of(runs[0]), path.name)
    front = yaml.safe_load(text.split("---")[1])
    assert (front["license"], front["library_name"]) == ("other", "recbole-metarec")
    for result in runs:
        assert f"| {result.label} | {result.test['recall@10']:.4f} (" in text
    assert percent(changes(runs[0], runs[1], 2000)["ndcg@10"].relative) in text
    (snippet,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(path.parent)
    exec(snippet, {})


def test_a_card_needs_no_metrics() -> None:
    text = card({"config": {"model": "BPR", "dataset": "x", "seed": 1}, "state_dict": {}})
    assert "None are in the checkpoint" in text
    assert "load_data_and_model('model.safetensors')" in text
    assert table(["a"], [["x|y"]]).endswith("| x\\|y |")


def test_inspect_tells_of_every_kind_of_checkpoint(runs: list[RunResult], suite: Path, capsys: Any) -> None:
    for result in runs:
        assert main(["inspect", str(result.checkpoint)]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"{result.label} on {planted.TARGET}")
        assert f"{result.test['ndcg@10']:.4f}" in text
        assert main(["inspect", str(result.checkpoint), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["metrics"]["test"] == result.test
        assert found["bytes"]["file"] >= sum(found["bytes"].values()) - found["bytes"]["file"] > 0
    found = facts(state_of(runs[0]), "x", 1)
    assert found["settings"].items() >= {**SMALL, "codebook_size": 32}.items()
    assert not {"eval_args", "dataset", "topk"} & found["settings"].keys()
    assert found["source_weights"] == runs[0].diagnostics["source_weights"]
    stock = {"dataset": planted.TARGET, "data_path": str(suite), "gpu_id": "", "state": "ERROR", "show_progress": False}
    popular = run_one({"model": "Pop", **stock})
    assert main(["inspect", str(popular.checkpoint)]) == 0
    assert capsys.readouterr().out.startswith(f"Pop on {planted.TARGET}")


def test_a_checkpoint_that_is_not_read_whole_tells_the_same(runs: list[RunResult]) -> None:
    paths = [Path(str(result.checkpoint)) for result in runs]
    weights = {"w": torch.ones(2, dtype=torch.complex64)}
    arrays = {"a": np.ones(3), "b": scipy.sparse.random(30, 20, 0.1, "csc"), "again": weights["w"]}
    paths.append(paths[0].with_name("x"))
    checkpoint.save(paths[-1], {"config": {"model": "BPR"}, "state_dict": weights, "arrays": arrays})
    for path in paths:
        assert facts(outline(path), path.name, 1) == facts(checkpoint.load(path), path.name, 1)


def test_bytes_of_parts_that_share_numbers_count_once() -> None:
    table = torch.zeros(10, 4)
    state = {"state_dict": {"a.x": table, "a.y": torch.zeros(3), "b": table}, "names": ["ä", "b"], "plain": 3}
    assert bytes_of(state) == {"weights of a": 172, "names": 3}


@pytest.mark.parametrize(
    ("state", "message"),
    [({"a": 1}, "is neither a trained model"), ({"state_dict": {}, "config": {}}, "is damaged: KeyError: 'model'")],
)
def test_what_is_no_model_is_one_line(tmp_path: Path, state: dict[str, Any], message: str, capsys: Any) -> None:
    checkpoint.save(tmp_path / "x", state)
    assert main(["inspect", str(tmp_path / "x")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'x'}: ")
    assert message in line


def test_inspect_wants_a_checkpoint_or_the_environment(capsys: Any) -> None:
    assert main(["inspect"]) == main(["inspect", "x", "--env"]) == main(["inspect", "nowhere"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_inspect_imports_no_recbole(runs: list[RunResult]) -> None:
    code = f"""
import sys
from recbole_metarec.cli.main import main
assert main(["inspect", {str(runs[0].checkpoint)!r}]) == 0
assert not {{"torch", "scipy"}} & sys.modules.keys()
assert main(["inspect", "--env"]) == 0
assert not {{"recbole", "pandas"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_an_environment_in_which_all_is_well(capsys: Any) -> None:
    assert main(["inspect", "--env"]) == 0
    assert main(["inspect", "--env", "--json"]) == 0
    assert "WRONG" not in capsys.readouterr().out


def wrong() -> list[Finding]:
    return [each for each in findings() if each.state == "wrong"]


def test_what_would_go_wrong_is_named_with_what_mends_it(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    asked = ["recbole==1.2.1; python_version < '3'", "numpy<1", "nowhere-to-be-found>=2", "nothing; extra == 'more'"]
    monkeypatch.setattr(environment, "_requirements", lambda _: asked)
    monkeypatch.setattr(environment, "free_memory", lambda: 1000)
    monkeypatch.setattr(environment, "why_not_written", lambda path: f"{path} is full" if path.name == "log" else None)
    lines = [f"{each.what}: {each.why}" for each in wrong()]
    assert [line.partition(":")[0] for line in lines] == [
        f"numpy {metadata.version('numpy')}",
        "nowhere-to-be-found",
        "0.0 GiB of memory free",
        "log",
    ]
    assert "pip install 'numpy<1'" in lines[0]
    assert main(["inspect", "--env"]) == 1
    assert capsys.readouterr().out.count("WRONG") == 4


def test_a_package_that_is_not_installed_has_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "DISTRIBUTION", "nowhere-to-be-found")
    assert [each.what for each in wrong()] == ["nowhere-to-be-found"]
