"""A subcommand from outside the package: one function, added to the command line's group."""

from __future__ import annotations

from collections.abc import Sequence

import click
import pytest

from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.cli.help import command, of_settings
from recbole_metarec.cli.main import cli, main


@command(of_settings, "[--key=value ...]")
def show(arguments: Sequence[str]) -> int:
    """Print the settings."""
    click.echo(sorted(parse_arguments(arguments).items()))
    return 0


@pytest.fixture(autouse=True)
def _added() -> None:
    cli.add_command(show)
    yield
    del cli.commands["show"]


def test_a_subcommand_is_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--seed=1", "--model", "ANT"]) == 0
    assert capsys.readouterr().out == "[('model', 'ANT'), ('seed', 1)]\n"


def test_it_has_help_and_named_mistakes_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--help"]) == 0
    assert "Print the settings." in capsys.readouterr().out
    assert main(["show", "seed"]) == 2
    assert capsys.readouterr().err == "error: seed: write --key=value\n"
