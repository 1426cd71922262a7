"""The README's commands and snippets are run, the training cut short."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MODEL_KEYS = ("--warmup_epochs", "--meta_epochs", "--sources_per_step")
SHORT = [
    "--epochs=1",
    "--warmup_epochs=0",
    "--meta_epochs=1",
    "--sources_per_step=1",
    "--show_progress=False",
    "--gpu_id=",
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [part.strip() for block in blocks("bash") for line in block.splitlines() for part in line.split("&&")]
    return [line for line in lines if line.startswith("python run_recbole_metarec.py")]


def test_there_are_commands_and_snippets() -> None:
    assert len(commands()) >= 3
    assert len(blocks("python")) >= 2


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_runs(command: str, tmp_path: Path) -> None:
    _, script, *arguments = shlex.split(command)
    run = [sys.executable, str(REPOSITORY / script), *arguments, *SHORT]
    if "MetaRec" not in command.split("--model=")[1].split()[0]:
        run = [part for part in run if part.partition("=")[0] not in MODEL_KEYS]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "NDCG@10" in done.stdout
    for argument in arguments:
        if argument.startswith("--result_file="):
            assert (tmp_path / argument.partition("=")[2]).is_file()


def test_the_snippets_run_one_after_the_other(tmp_path: Path) -> None:
    quick = "{'epochs': 1, 'warmup_epochs': 0, 'meta_epochs': 1, 'show_progress': False, 'gpu_id': '', "
    code = "\n".join(blocks("python")).replace('{"', quick + '"')
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "war" in done.stdout


def test_files_that_the_readme_names_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / link).exists(), link
    (layout,) = [block for block in blocks("text") if "quick_start.py" in block]
    for line in layout.splitlines():
        folder = REPOSITORY / "recbole_metarec" if line.startswith("  ") else REPOSITORY
        for name in line.strip().split("   ")[0].split(","):
            assert (folder / name.strip()).exists(), name
