"""Of what finished runs leave, the newest stay; what is unfinished, renamed or a command's own always does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import planted
import pytest

from recbole_metarec.runs.run import run
from recbole_metarec.training import checkpoint

NAMED = "Pop-Nov-28-2026_16-29-2{}.safetensors"
LOGGED = "Pop-planted-target-Nov-28-2026_16-29-2{}-abcde{}.log"


@pytest.fixture
def folder(suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pytest"])
    return tmp_path


def pop(suite: Path, **changes: Any) -> Path:
    settings = planted.settings(suite, model="Pop", checkpoint_dir="saved", epochs=1, **changes)
    known = {"dataset", "data_path", "model", "gpu_id", "seed", "state", "show_progress", "epochs", "checkpoint_dir"}
    (found,) = run({key: value for key, value in settings.items() if key in known | {*changes}})
    return Path(str(found.checkpoint))


def older(path: Path, copies: list[str]) -> None:
    """Copy a file to older ones, the first the oldest."""
    for age, name in enumerate(reversed(copies), 1):
        copy = path.with_name(name)
        shutil.copy(path, copy)
        os.utime(copy, (1_000_000_000 - age, 1_000_000_000 - age))


def files(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir() if path.is_file()}


def test_the_newest_checkpoints_stay(suite: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = pop(suite)
    older(first, [NAMED.format(1), NAMED.format(2), NAMED.format(3), NAMED.format(4), "mine.safetensors"])
    older(first.with_suffix(".md"), ["Pop-Nov-28-2026_16-29-21.md"])
    unfinished = checkpoint.load(Path("saved", NAMED.format(4)))
    del unfinished["metrics"]
    checkpoint.save(Path("saved", NAMED.format(4)), unfinished)
    Path("saved", NAMED.format(5)).write_bytes(b"damaged")
    before = files("saved")
    second = pop(suite, seed=2)
    assert files("saved") == before | {second.name, second.with_suffix(".md").name}  # by default all of them
    last = pop(suite, seed=3, keep_checkpoints=3)
    gone = {NAMED.format(1), NAMED.format(2), NAMED.format(3), "Pop-Nov-28-2026_16-29-21.md"}
    assert before | files("saved") == files("saved") | gone
    assert not files("saved") & gone
    assert last.is_file()
    assert "removed 3 older checkpoints of Pop on planted-target; keep_checkpoints=3" in capsys.readouterr().err
    assert pop(suite, seed=4, keep_checkpoints=1).is_file()
    assert not first.exists()


def test_the_newest_logs_stay_with_their_curves(suite: Path, folder: Path) -> None:
    pop(suite)
    (log,) = Path("log/Pop").iterdir()
    older(log, [LOGGED.format(n, n) for n in range(4)])
    Path("log/Pop", LOGGED.format(3, 3)).write_text("INFO  epoch 0 training\n")  # goes on
    for n in range(4):
        Path("log_tensorboard", Path(LOGGED.format(n, n)).stem).mkdir()
    pop(suite, seed=2, keep_logs=3)
    left = files("log/Pop")
    assert len(left) == 4
    assert log.name in left
    assert {LOGGED.format(n, n) in left for n in (0, 1)} == {False}
    assert {LOGGED.format(n, n) in left for n in (2, 3)} == {True}
    assert {path.name for path in Path("log_tensorboard").iterdir()} == {Path(name).stem for name in left}
