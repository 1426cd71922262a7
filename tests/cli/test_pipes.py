"""Output that nobody reads, as behind ``| head``: no traceback, and files are written all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "recbole_metarec"]


def unread(words: list[str], folder: Path) -> tuple[int, str]:
    """Run a command whose output nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, *words], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=folder, check=False)
    os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["list", "metrics"], ["inspect", "--env"]])
def test_a_command_ends_without_a_word(words: list[str], tmp_path: Path) -> None:
    assert unread(words, tmp_path) == (1, "")


def test_a_run_writes_its_files(tmp_path: Path) -> None:
    status, said = unread(["--model=Pop", "--dataset=ml-100k-western", "--epochs=1", "--result_file=r.json"], tmp_path)
    assert (status, "Broken" in said, "Traceback" in said) == (0, False, False)
    assert (tmp_path / "r.json").stat().st_size
