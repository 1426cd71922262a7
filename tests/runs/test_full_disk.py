"""A full disk: what a run needs ends it in a line that says how to go on, what it does not need is one warning."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import planted
import pytest
import recbole.trainer.trainer as recbole_trainer

from recbole_metarec.cli.main import main
from recbole_metarec.runs.run import run


class FullWriter:
    """Tensorboard's writer on a full disk."""

    log_dir = "log_tensorboard/of-a-run"

    def __init__(self, *_: object) -> None:
        pass

    def add_scalar(self, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def settings(suite: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    known = ("dataset", "source_datasets", "data_path", "model", "gpu_id", "seed", "show_progress")
    small = {"epochs": 2, "warmup_epochs": 1, "hidden_size": 16, "inner_size": 16, "scratch_control": False}
    own = {key: value for key, value in planted.settings(suite).items() if key in known}
    return {**own, **small, "checkpoint_dir": str(folder / "saved"), **changes}


def test_a_run_goes_on_without_its_log_and_its_curves(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pytest"])
    monkeypatch.setattr(recbole_trainer, "get_tensorboard", FullWriter)
    monkeypatch.setattr(logging.FileHandler, "_open", lambda _: os.fdopen(os.open("/dev/full", os.O_WRONLY), "w"))
    (found,) = run(settings(suite, tmp_path))
    assert found.checkpoint
    assert Path(found.checkpoint).is_file()
    warnings = [line for line in capsys.readouterr().err.splitlines() if os.strerror(errno.ENOSPC) in line]
    ends = [line.partition(f"{os.strerror(errno.ENOSPC)}: ")[2] for line in warnings]
    assert sorted(ends) == ["the curves of this run end here", "the log of this run ends here"]


def test_a_run_without_room_for_its_checkpoint_says_how_to_go_on(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    keep = "recbole_metarec.bridge.patches.saving.save"

    def full(path: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    arguments = [
        f"--{key}={','.join(value) if isinstance(value, list) else value}"
        for key, value in settings(suite, tmp_path).items()
    ]
    with monkeypatch.context() as patch:
        patch.setattr(keep, full)
        assert main(arguments) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "No space left on device; MetaRec (transfer), seed 1 is kept, warm-up on the sources, behind epoch 1" in line
    assert line.endswith("; make room, and --resume=auto goes on")
    assert main([*arguments, "--resume=auto"]) == 0
    assert "goes on where it was" in capsys.readouterr().err
