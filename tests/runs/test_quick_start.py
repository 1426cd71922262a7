"""The functions behind the command line, on the planted suite."""

from __future__ import annotations

import json
import logging
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import planted
import pytest

import recbole_metarec.comparison.compare  # noqa: F401 (keeps run_one, of which a test makes another)
import run_recbole_metarec
from recbole_metarec.cli.main import main
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.models.metarec.steps import MetaSteps
from recbole_metarec.runs.run import run, run_one
from recbole_metarec.training.checkpoint import load

QUICK = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 2}


def arguments(settings: dict[str, Any]) -> list[str]:
    return [f"--{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in settings.items()]


def test_the_command_prints_a_table_and_writes_the_same_as_json(suite: Path, capsys: Any, tmp_path: Path) -> None:
    settings = planted.settings(suite, **QUICK, result_file="out/x.json")
    assert main(arguments(settings)) == 0
    printed = capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "x.json").read_text())
    transfer, scratch, ensemble, memory = content["runs"]
    assert [entry["variant"] for entry in content["runs"]] == ["transfer", "scratch", "ensemble", None]
    assert [entry["model"] for entry in content["runs"]] == [*["MetaRec"] * 3, "Memory"]
    assert (ensemble["epochs"], memory["epochs"]) == (0, 0)
    assert transfer["source_datasets"] == settings["source_datasets"]
    assert scratch["source_datasets"] == []
    for entry in content["runs"]:
        assert set(entry["test"]) == {"recall@10", "ndcg@10", "mrr@10", "hit@10"} == set(entry["valid"])
        for value in entry["test"].values():
            assert f"{value:.4f}" in printed
        assert Path(entry["checkpoint"]).is_file()
        assert entry["checkpoint"] in printed
        assert (entry["seed"], entry["mask_history"], entry["mode"]) == (1, False, "full")
        assert entry["n_users"] == entry["n_targets"] == 60
    assert transfer["epochs"] == scratch["epochs"] == 2
    assert sum(transfer["source_weights"].values()) == pytest.approx(1, abs=1e-5)
    low, *_, high = sorted(transfer["source_weights"].values())
    listed = [
        any(line.startswith(name) and f"{weight:.3f}" in line for line in printed.splitlines())
        for name, weight in transfer["source_weights"].items()
    ]
    assert all(listed) or f"sources do not differ clearly, {low:.3f} to {high:.3f}" in printed
    change = content["change_over_scratch"]["ndcg@10"]
    assert change["relative"] == pytest.approx(transfer["test"]["ndcg@10"] / scratch["test"]["ndcg@10"] - 1, abs=1e-3)
    assert change["low"] <= change["relative"] <= change["high"]
    assert "95% interval" in printed
    assert "codes in use" in printed
    for label in ("MetaRec", "MetaRec (scratch)"):
        assert f"{label} memory: " in printed
    delivered = next(entry for entry in content["runs"] if entry["variant"] == content["delivered"]["variant"])
    assert content["delivered"]["checkpoint"] == delivered["checkpoint"]
    label = "MetaRec" if delivered is transfer else f"MetaRec ({delivered['variant']})"
    assert f"{label} is to be used: " in printed


def test_the_ranks_give_recboles_metrics(suite: Path) -> None:
    result = run_one(planted.settings(suite, **QUICK, source_datasets=[], topk=[3, 10]))
    assert result.ranks is not None
    for name, value in result.test.items():
        assert metric_of_ranks(name, result.ranks).mean() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("model", ["SASRec", "GRU4Rec", "BERT4Rec", "FEARec", "Pop", "BPR"])
def test_a_recbole_model_runs_on_the_same_split(suite: Path, model: str) -> None:
    (result,) = run({**shared(suite), "model": model, "epochs": 1})
    assert result.variant is None
    assert result.diagnostics == {}
    assert result.n_users == 60
    assert 0 <= result.test["recall@10"] <= 1


@pytest.mark.parametrize("model", ["MetaRec", "SASRec"])
def test_a_share_of_the_users_trains_and_all_are_tested(suite: Path, model: str) -> None:
    result, *_ = run({**shared(suite), "model": model, "epochs": 1, "train_users": 0.5})
    assert result.n_users == 60


def test_models_that_cannot_train_on_some_users_say_so(suite: Path) -> None:
    with pytest.raises(UserError, match="train_users"):
        run({**shared(suite), "model": "Pop", "epochs": 1, "train_users": 0.5})


def shared(suite: Path) -> dict[str, Any]:
    keys = ("dataset", "data_path", "gpu_id", "show_progress", "state", "seed")
    return {key: value for key, value in planted.settings(suite).items() if key in keys}


def share_of_new_targets(suite: Path, window: int | None = None) -> float:
    """Share of users whose last item is none of their earlier ones (of their ``window`` latest)."""
    lines = (suite / planted.TARGET / f"{planted.TARGET}.inter").read_text().splitlines()[1:]
    users: dict[str, list[tuple[int, str]]] = {}
    for user, item, time in (line.split("\t") for line in lines):
        users.setdefault(user, []).append((int(time), item))
    ordered = [[item for _, item in sorted(rows)] for rows in users.values()]
    return sum(items[-1] not in items[:-1][-(window or len(items)) :] for items in ordered) / len(ordered)


@pytest.mark.parametrize("model", ["MetaRec", "GRU4Rec", "BPR", "Pop"])
def test_masking_history_makes_repetitions_unfindable_for_every_model(suite: Path, model: str) -> None:
    settings = {**shared(suite), "model": model, "epochs": 1, "scratch_control": False, "source_datasets": []}
    new = share_of_new_targets(suite)
    (plain,) = run({**settings, "mask_history": False})
    (masked,) = run({**settings, "mask_history": True})
    assert masked.mask_history
    assert masked.test["recall@10"] <= new < plain.test["recall@10"]


def test_masking_reaches_beyond_the_window(suite: Path) -> None:
    settings = {**shared(suite), "model": "GRU4Rec", "epochs": 1, "MAX_ITEM_LIST_LENGTH": 2, "mask_history": True}
    (result,) = run(settings)
    assert result.test["recall@10"] <= share_of_new_targets(suite) < share_of_new_targets(suite, window=2)


def test_scratch_control_can_be_left_out(suite: Path) -> None:
    runs = run(planted.settings(suite, **QUICK, scratch_control=False))
    assert [result.variant for result in runs] == ["transfer"]


def test_a_missing_model_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="--model"):
        run({})


def test_what_recbole_refuses_is_a_users_mistake(suite: Path) -> None:
    with pytest.raises(UserError, match="RecBole refuses"):
        run({**shared(suite), "model": "SASRec", "repeatable": False})


def test_each_run_has_its_own_log_and_a_quiet_console(suite: Path, capfd: Any) -> None:
    settings = planted.settings(suite, **QUICK, state="INFO")
    transfer, scratch, *_ = run(settings)
    assert transfer.log != scratch.log
    for result in (transfer, scratch):
        assert result.log is not None
        assert "valid result" in Path(result.log).read_text()
    assert "valid result" not in capfd.readouterr().err
    logging.getLogger().handlers.clear()


def test_the_seed_decides_the_result(suite: Path) -> None:
    settings = planted.settings(suite, **QUICK, scratch_control=False)
    first, second, other = (run_one({**settings, "seed": seed}) for seed in (5, 5, 6))
    assert first.test == second.test
    assert first.ranks is not None
    assert second.ranks is not None
    assert np.array_equal(first.ranks, second.ranks)
    assert other.curve != first.curve


def test_each_model_has_a_wandb_run_of_its_own(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curves: list[list[str]] = []

    def init(**options: Any) -> None:
        wandb.run = SimpleNamespace(summary={})
        curves.append([])

    def log(metrics: dict[str, Any], commit: bool) -> None:
        assert wandb.run is not None
        curves[-1] += metrics

    def finish() -> None:
        wandb.run = None

    wandb = SimpleNamespace(run=None, init=init, log=log, finish=finish, define_metric=lambda *names, **steps: None)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    run(planted.settings(suite, **QUICK, log_wandb=True))
    assert len(curves) == 4  # the ensemble and the memory learn nothing
    assert all(of_model.count("train/train_loss") == of_model.count("valid/ndcg@10") == 2 for of_model in curves[:2])
    assert wandb.run is None


def test_wandb_must_be_installed(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="--log_wandb=True: needs Weights & Biases; pip install wandb"):
        run(planted.settings(suite, log_wandb=True))


@pytest.mark.parametrize("key", ["result_file", "checkpoint_dir", "comparison_folder", "feature_cache", "report"])
def test_what_cannot_be_written_is_said_before_training(
    suite: Path, tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("recbole_metarec.runs.run.run_one", lambda settings: pytest.fail("trains"))
    ending = {"result_file": ".json", "report": ".html"}.get(key, "")
    more: dict[str, Any] = {"seeds": 2} if key == "comparison_folder" else {"item_features": key == "feature_cache"}
    for name in (f"{tmp_path}/file/x{ending}", f"/proc/x{ending}", f"{tmp_path}/{300 * 'x'}{ending}/x{ending}"):
        assert main(arguments(planted.settings(suite, **more, **{key: name}))) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: --{key}={name}: cannot be written, ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_the_folder_of_log_files_is_tried(suite: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "log").touch()
    assert main(arguments(planted.settings(suite))) == 2
    assert capsys.readouterr().err.startswith("error: log: cannot be written, ")


def test_results_are_shown_though_they_cannot_be_written(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("recbole_metarec.configuration.writable.why_not_written", lambda *_: None)
    settings = planted.settings(suite, **QUICK, scratch_control=False)
    assert main(arguments({**settings, "result_file": "file/x.json"})) == 1
    shown = capsys.readouterr()
    assert "NDCG@10" in shown.out
    assert shown.err == f"error: {tmp_path}/file: File exists\n"
    assert main(arguments({**settings, "model": "Pop,Pop", "report": ["file/x.md", "y.md"]})) == 2
    assert main(arguments({**shared(suite), "model": "Pop", "report": ["file/x.md", "y.md"]})) == 1
    shown = capsys.readouterr()
    assert "NDCG@10" in shown.out
    assert "report: y.md" in shown.out
    assert (tmp_path / "y.md").is_file()


def test_a_full_disk_ends_in_one_line(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert main(arguments(planted.settings(suite, **QUICK))) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path}/saved/MetaRec-")
    said = "No space left on device; there is nothing of MetaRec (transfer), seed 1 to keep yet"
    assert line.endswith(f".safetensors: {said}")
    assert list((tmp_path / "saved").iterdir()) == []


def results(file: Path) -> Any:
    """Return what a file of results holds that does not hang on the time and the place."""
    content = json.loads(file.read_text())
    for entry in content["runs"]:
        for key in ("seconds", "checkpoint", "log", "peak_memory"):
            del entry[key]
    return content["runs"], content.get("change_over_scratch")


def test_an_interrupt_says_how_to_go_on(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    quick = {**QUICK, "epochs": 3, "train_batch_size": 16}
    settings = planted.settings(suite, **quick, memory_weight=1, result_file="whole.json")
    assert main(["run", *arguments(settings)]) == 0
    step, seen = MetaSteps.plain_step, list[int]()

    def interrupted(self: MetaSteps, task: Any, epoch: int, number: int) -> Any:
        if epoch == 2:
            seen.append(epoch)
            if len(seen) == len(self.tasks[0].windows) + 2:  # in the middle of the last epoch of the scratch control
                raise KeyboardInterrupt
        return step(self, task, epoch, number)

    monkeypatch.setattr(MetaSteps, "plain_step", interrupted)
    settings |= {"checkpoint_dir": "elsewhere", "result_file": "parts.json", "resume": "auto"}
    capsys.readouterr()
    assert main(["run", *arguments(settings)]) == 130
    *_, said = capsys.readouterr().err.splitlines()
    assert said.startswith("interrupted; MetaRec (scratch), seed 1 is kept, fine-tuning, behind epoch 2; go on with: ")
    _, *command = shlex.split(said.partition("go on with: ")[2])
    monkeypatch.setattr(MetaSteps, "plain_step", step)
    assert main(command) == 0
    shown = capsys.readouterr().err
    assert "MetaRec (transfer), seed 1: was finished, elsewhere/MetaRec-" in shown
    assert "MetaRec (scratch), seed 1: goes on where it was, fine-tuning, behind epoch 2, elsewhere/unf" in shown
    assert results(Path("parts.json")) == results(Path("whole.json"))
    before = {file: file.read_bytes() for file in Path("elsewhere").rglob("*") if file.is_file()}
    assert main(command) == 0
    assert {file: file.read_bytes() for file in Path("elsewhere").rglob("*") if file.is_file()} == before


def test_a_run_goes_on_from_its_checkpoint(suite: Path) -> None:
    settings = planted.settings(suite, **{**QUICK, "epochs": 3}, scratch_control=False, memory_weight=1)
    whole = run_one(settings)
    before = load(Path(str(whole.checkpoint)))
    again = run_one({**settings, "resume": whole.checkpoint, "epochs": before["epoch"] + 1})
    assert again.test == whole.test
    assert again.valid == whole.valid
    assert again.checkpoint == whole.checkpoint
    assert load(Path(str(whole.checkpoint)))["epoch"] == before["epoch"]


def test_only_a_checkpoint_of_the_same_run_is_resumed(suite: Path, tmp_path: Path) -> None:
    settings = planted.settings(suite, **QUICK, scratch_control=False)
    file = str(run_one(settings).checkpoint)
    (tmp_path / "x.pth").write_bytes(b"nonsense")
    for changes, message in [
        ({"resume": "nowhere.pth"}, "--resume=nowhere.pth: no such checkpoint"),
        ({"resume": "x.pth"}, "--resume=x.pth: not a checkpoint"),
        ({"source_datasets": []}, r"is of source_datasets \[.*\], not of \[\]"),
        ({"model": "ANT"}, "is of model MetaRec, not of ANT"),
        ({"model": "SASRec"}, "SASRec cannot go on from a checkpoint"),
        ({"hidden_size": 16}, "is of hidden_size=32, not 16"),
    ]:
        given = {key: value for key, value in settings.items() if changes.get("model") is None or key in shared(suite)}
        with pytest.raises(UserError, match=message):
            run({**given, "resume": file, **changes})


def test_an_interrupt_during_imports_is_one_line() -> None:
    command = [sys.executable, "-X", "importtime", run_recbole_metarec.__file__, "--model=MetaRec"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith(" numpy"):
                process.send_signal(signal.SIGINT)
                break
        said = [line for line in process.stderr if not line.startswith("import time:")]
    assert said == ["interrupted\n"]
    assert process.returncode == 130
