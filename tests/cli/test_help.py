"""Help is written from the settings, and needs neither torch nor RecBole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import run_recbole_metarec
from recbole_metarec import __version__
from recbole_metarec.cli.main import cli, main
from recbole_metarec.models import SPECS
from recbole_metarec.settings.shared import SharedSettings

HEAVY = ("torch", "recbole", "pandas", "scipy", "polars", "ray")


COMMANDS = (
    *("", "demo", "run", "compare", "tune", "recommend", "serve", "export", "list"),
    *("amazon", "amazon prepare", "convert"),
)


def test_help_imports_nothing_heavy() -> None:
    code = f"""
import sys
from recbole_metarec.cli.main import main
for command in {COMMANDS!r}:
    status = main([*command.split(), "--help"])
    print("status", status, [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("status")] == ["status 0 []"] * len(COMMANDS)
    for command in COMMANDS:
        usage = f"Usage: recbole-metarec {command}".rstrip()
        assert any(line.startswith(usage) for line in lines), usage


def test_help_lists_the_keys_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    text = capsys.readouterr().out
    assert {"--dataset", "--seeds", "--memory_weight"} & {*text.split()} == {"--dataset", "--seeds"}
    assert "--quantizer_heads" not in text


@pytest.mark.parametrize("wish", [["--model=MetaRec", "--help"], ["-h", "--model", "MetaRec"]])
def test_help_beside_a_model_lists_its_keys_too(wish: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *wish]) == 0
    words = {*capsys.readouterr().out.split()}
    assert {f"--{key}" for key in SPECS["MetaRec"].settings.model_fields} <= words
    assert {f"--{key}" for key in SharedSettings.model_fields} <= words


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_unknown_commands_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rum", "--model=MetaRec"]) == 2
    known = ", ".join(cli.commands)
    assert capsys.readouterr().err == f"error: rum: no such command; write one of {known}, or --key=value\n"


def test_a_search_needs_a_space(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--model=MetaRec"]) == 2
    assert capsys.readouterr().err.startswith("error: --tune: is missing; name a YAML file")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["-m", "recbole_metarec"], "python -m recbole_metarec"),
        ([str(Path(run_recbole_metarec.__file__))], f"python {run_recbole_metarec.__file__}"),
    ],
)
def test_python_runs_the_command_and_help_says_how(words: list[str], name: str) -> None:
    for wish, beginning in (("--version", f"{__version__}\n"), ("--help", f"Usage: {name} ")):
        done = subprocess.run([sys.executable, *words, wish], capture_output=True, text=True)
        assert (done.returncode, done.stdout[: len(beginning)]) == (0, beginning)
