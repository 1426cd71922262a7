"""Arguments to settings: ``--key=value`` or ``--key value``, and the property files that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recbole_metarec.cli.values import SEPARATORS, read_value
from recbole_metarec.comparison.own_settings import flat
from recbole_metarec.errors import UserError, noting
from recbole_metarec.settings.users_yaml import read_users_yaml


def pairs(arguments: Sequence[str], problems: list[str]) -> Iterator[tuple[str, str]]:
    """Split arguments into keys and values.

    Parameters
    ----------
    arguments : sequence of str
        ``--key=value``, or ``--key`` and the value behind it.
    problems : list of str
        What is wrong is added, one line each.

    Yields
    ------
    key, value : str
        Each key once.
    """
    seen = set()
    left = list(reversed(arguments))
    while left:
        word = left.pop()
        key, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and key and not equals and left and not left[-1].startswith("--"):
            equals, value = "=", left.pop()
        if not word.startswith("--") or not key or not equals:
            problems.append(f"{word}: write --key=value")
        elif key in seen:
            problems.append(f"--{key}: stands there twice; write it once")
        else:
            seen.add(key)
            yield key, value


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Turn arguments and the property files that they name into settings.

    Parameters
    ----------
    arguments : sequence of str
        See `pairs`. Values are read as YAML; ``None`` is nothing, as in RecBole.

    Returns
    -------
    dict
        Command line above ``--config_files``; settings of single models as keys of their own, see `flat`.

    Raises
    ------
    UserError
        If an argument is neither, a key stands there twice, or a file cannot be read: all of it.
    """
    given: dict[str, Any] = {}
    problems: list[str] = []
    for key, text in pairs(arguments, problems):
        try:
            given[key] = read_value(key, text)
        except ValueError as error:
            problems.append(f"--{key}={text}: is no YAML value ({error}); for a text, write --{key}='\"{text}\"'")
    settings: dict[str, Any] = {}
    files = given.pop("config_files", None) or []
    for file in files if isinstance(files, list) else [files]:
        with noting(problems):
            settings.update(flat(_read_settings(Path(str(file)))))
    if problems:
        raise UserError(problems)
    settings.update(flat(given))
    for key in SEPARATORS:
        if settings.get(key) == r"\t":
            settings[key] = "\t"
    return settings


def _read_settings(path: Path) -> dict[str, Any]:
    content = read_users_yaml(path, f"--config_files: {path}")
    if not isinstance(content, dict):
        raise UserError([f"--config_files: {path}: must hold lines of key: value"])
    if "config_files" in content:
        raise UserError(
            [f"--config_files: {path}: config_files has no part in a file; name all on the command line, with commas"]
        )
    return content
