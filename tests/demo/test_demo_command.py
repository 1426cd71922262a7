"""The command: what was planted beside what was found, and commands to go on with, which work."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

import pytest

from recbole_metarec.cli.main import main
from recbole_metarec.demo import world
from recbole_metarec.demo.shops import Reason


def test_it_shows_what_is_found_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(world, "World", partial(world.World, share=0.3))
    assert main(["demo", "--folder=my shops", "--seed=5"]) == 0
    shown = capsys.readouterr()
    assert [reason.value in shown.out for reason in Reason] == [True] * len(Reason)
    for said in ("Data of the other domains", "weight found", "For somebody who buys ", "report: "):
        assert said in shown.out
    assert "<html" in Path("my shops/report.html").read_text()[:200]
    commands = [shlex.split(line)[1:] for line in shown.out.splitlines() if line.startswith("recbole-metarec")]
    assert [command[0] for command in commands] == ["compare", "compare", "run", "recommend", "serve", "convert"]
    assert main(commands[0]) == 0
    again = capsys.readouterr()
    assert "begins" in shown.err
    assert "begins" not in again.err  # read, not run again
    assert "Transfer against scratch" in again.out
    assert main(commands[3]) == 0
    recommended = capsys.readouterr()
    assert recommended.err == ""
    assert len(recommended.out.splitlines()) == 12


def test_a_folder_that_cannot_be_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--folder=file"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: file: cannot be written")
