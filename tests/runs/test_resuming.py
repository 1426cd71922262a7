"""Runs that end at any moment and go on: with the same numbers as those that did not end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import torch

from recbole_metarec.errors import UserError
from recbole_metarec.models.metarec.steps import MetaSteps
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import run_one
from recbole_metarec.training import checkpoint
from recbole_metarec.training.last_state import LastStates, numbers_in

ALWAYS = {"last_state_minutes": 1e-9, "train_batch_size": 6, "scratch_control": False}
TINY = {"hidden_size": 8, "inner_size": 8, "quantizer_heads": 2, "codebook_size": 8}
KINDS: dict[str, dict[str, Any]] = {
    "MetaRec": {**TINY, "warmup_epochs": 2, "meta_epochs": 2, "epochs": 4, "sources_per_step": 2},
    "MetaRec, by rows": {
        **TINY,
        "warmup_epochs": 1,
        "meta_epochs": 1,
        "epochs": 2,
        "softmax": "sampled",
        "n_negatives": 8,
        "codebook_update": "moving_average",
    },
    "ANT": {
        "hidden_size": 8,
        "inner_size": 8,
        "pretrain_batch_size": 12,
        "pretrain_epochs": 2,
        "epochs": 3,
        "adapt": "relearn",
        "thaw_after": 1,
    },
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resuming")
    planted.write_suite(folder, target_users=16, source_users=16)
    planted.write_featured_suite(folder, target_users=24, source_users=24)
    return folder


def settings_of(kind: str, root: Path, **changes: Any) -> dict[str, Any]:
    make = planted.featured_settings if kind == "ANT" else planted.settings
    return make(root, **{**ALWAYS, **KINDS[kind], **changes})


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Any:
    """End runs behind a number of states; return the titles of those that are written."""

    def stop_behind(number: int | None) -> list[str]:
        titles: list[str] = []

        def write_and_stop(self: LastStates, state: Any, title: str) -> None:
            write(self, state, title)
            titles.append(title)
            if len(titles) == number:
                raise KeyboardInterrupt

        monkeypatch.setattr(LastStates, "write", write_and_stop)
        return titles

    write = LastStates.write
    return stop_behind


def assert_same(one: RunResult, other: RunResult) -> None:
    plain = [each.to_plain() for each in (one, other)]
    for each in plain:
        for key in ("seconds", "checkpoint", "log", "peak_memory"):
            del each[key]
    assert plain[0] == plain[1]
    assert np.array_equal(one.ranks, other.ranks)
    weights = [checkpoint.load(Path(str(each.checkpoint)))["state_dict"] for each in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_ended_within_any_phase_goes_on_with_the_same_numbers(
    root: Path, tmp_path: Path, kind: str, stop: Any, capsys: Any
) -> None:
    titles = stop(None)
    whole = run_one(settings_of(kind, root))
    within = {title.partition(",")[0]: number for number, title in enumerate(titles, 1) if "behind batch" in title}
    assert len(within) == 3
    for number in (*within.values(), len(titles)):
        again = settings_of(kind, root, checkpoint_dir=str(tmp_path / str(number)))
        stop(number)
        with pytest.raises(KeyboardInterrupt, match=r"is kept, ") as interrupt:
            run_one(again)
        assert titles[number - 1] in str(interrupt.value)
        stop(None)
        assert_same(run_one({**again, "resume": "auto"}), whole)
        assert f"goes on where it was, {titles[number - 1]}, " in capsys.readouterr().err
        assert not Path(again["checkpoint_dir"], "unfinished").exists()
        assert stop(1) == []
        assert_same(run_one({**again, "resume": "auto"}), whole)  # which was finished


def test_of_the_last_states_the_newest_two_are_kept_and_the_older_one_counts_if_it_must(
    root: Path, tmp_path: Path, stop: Any, capsys: Any
) -> None:
    settings = settings_of("MetaRec", root)
    whole = run_one({**settings, "checkpoint_dir": "elsewhere"})
    stop(7)
    with pytest.raises(KeyboardInterrupt):
        run_one(settings)
    (folder,) = (tmp_path / "saved" / "unfinished").iterdir()
    assert numbers_in(folder) == [6, 7]
    newest = folder / "000007.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    stop(None)
    assert_same(run_one({**settings, "resume": "auto"}), whole)
    said = capsys.readouterr().err
    assert "000007.safetensors: not a checkpoint of this package, or cut off" in said
    assert "000006.safetensors" in said


def test_a_state_of_another_run_is_refused_in_a_line_that_names_the_difference(
    root: Path, tmp_path: Path, stop: Any, capsys: Any
) -> None:
    settings = settings_of("MetaRec", root, data_path=str(tmp_path / "data"))
    planted.write_suite(tmp_path / "data", target_users=16, source_users=16)
    stop(30)
    with pytest.raises(KeyboardInterrupt):
        run_one(settings)
    (file,) = (tmp_path / "saved" / "unfinished").glob("*/000030.safetensors")
    named = {**settings, "resume": str(file)}
    for changes, message in [
        ({"dataset": planted.FRIENDLY[0]}, f"{file}: is of dataset planted-target, not of planted-a"),
        ({"hidden_dropout_prob": 0.2}, f"{file}: is of hidden_dropout_prob=0.1, not 0.2"),
        ({"seed": 2}, f"{file}: is of seed=1, not 2"),
    ]:
        with pytest.raises(UserError) as error:
            run_one({**named, **changes})
        assert error.value.problems == (message,)
    stop(None)
    run_one({**settings, "hidden_dropout_prob": 0.2, "resume": "auto", "checkpoint_dir": "saved"}, tells=True)
    assert "begins anew, there is no state of it in saved" in capsys.readouterr().err
    with (tmp_path / "data" / "planted-a" / "planted-a.inter").open("a") as inter:
        inter.write("planted-a-u0\tplanted-a-i1\t1700000000000\n")
    with pytest.raises(UserError, match=r"since when these files have changed: planted-a\.inter$"):
        run_one(named)


def test_learning_may_be_slower_from_a_state_on(root: Path, tmp_path: Path, stop: Any, capsys: Any) -> None:
    settings = settings_of("MetaRec", root)
    stop(27)
    with pytest.raises(KeyboardInterrupt):
        run_one(settings)
    (file,) = (tmp_path / "saved" / "unfinished").glob("*/000027.safetensors")
    before = checkpoint.load(file)["state_dict"]
    stop(1)
    with pytest.raises(KeyboardInterrupt):
        run_one({**settings, "resume": str(file), "learning_rate": 1e-9, "weight_decay": 0.0})
    assert f"goes on with other settings, {file} is of learning_rate=0.003, not 1e-09" in capsys.readouterr().err
    (later,) = (tmp_path / "saved" / "unfinished").glob("*/000001.safetensors")
    after = checkpoint.load(later)["state_dict"]
    moved = [name for name, value in after.items() if not torch.allclose(value, before[name], atol=1e-6)]
    assert set(moved) <= {"encoder.quantizer.usage"}


def test_numbers_that_go_wrong_leave_the_last_good_state_to_go_on_from(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of("MetaRec", root, last_state_minutes=10.0)
    step = MetaSteps.plain_step

    def broken(self: MetaSteps, task: Any, epoch: int, number: int) -> Any:
        if (epoch, number) == (3, 1):
            with torch.no_grad():
                task.table.fill_(torch.inf)
        return step(self, task, epoch, number)

    monkeypatch.setattr(MetaSteps, "plain_step", broken)
    line = r"in batch 2 of epoch 4 on planted-target; lower .*; --resume=(\S+) goes on from the state before"
    with pytest.raises(FloatingPointError, match=line) as error:
        run_one(settings)
    file = str(error.value).partition("--resume=")[2].split()[0]
    assert checkpoint.load(Path(file))["position"]["epoch"] == 3
    monkeypatch.setattr(MetaSteps, "plain_step", step)
    assert run_one({**settings, "resume": file, "learning_rate": 1e-4}).epochs == 4


def test_two_processes_at_the_same_run_have_states_of_their_own(root: Path, tmp_path: Path, stop: Any) -> None:
    settings, folders = settings_of("MetaRec", root), set()

    def write(self: LastStates, state: Any, title: str) -> None:
        folders.add(self.held.folder)
        if len(folders) == 1:  # as a second process would: a lock is of an open file
            run_one({**settings, "resume": "auto", "last_state_minutes": 1.0})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LastStates, "write", write)
        run_one(settings)
    assert len(folders) == 2
    assert not (tmp_path / "saved" / "unfinished").exists()
