"""Flags of commands that make datasets, all that is wrong with them at once."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_metarec.cli.arguments import pairs
from recbole_metarec.errors import UserError, nearest

Flags = dict[str, str]


def split_places(words: Sequence[str]) -> tuple[list[str], Flags]:
    """Tell places from flags: ``--key=value``, or ``--key value``."""
    places, rest = list[str](), list[str]()
    for word in words:
        expects = bool(rest) and rest[-1].startswith("--") and "=" not in rest[-1]
        (rest if word.startswith("-") or expects else places).append(word)
    problems: list[str] = []
    flags = dict(pairs(rest, problems))
    if problems:
        raise UserError(problems)
    return places, flags


def check_flags(
    places: Sequence[str], flags: Flags, n_places: int, known: Sequence[str], needed: Sequence[str] = ()
) -> None:
    """Refuse places beyond ``n_places``, flags that are not known, and the lack of needed ones, with a `UserError`."""
    problems = [f"{place}: one argument too many" for place in places[n_places:]]
    for key in flags.keys() - set(known):
        hint = nearest(f"--{key}", [f"--{name}" for name in known]) or f"; there are --{', --'.join(known)}"
        problems.append(f"--{key}: no such flag{hint}")
    problems += [f"--{key}: is missing" for key in needed if not flags.get(key)]
    if problems:
        raise UserError(sorted(problems))


def truth(flags: Flags, key: str) -> bool:
    """Read a flag that is True or False; False where it is not given."""
    if flags.get(key, "False").lower() not in ("true", "false"):
        raise UserError([f"{key}: {flags[key]!r} must be True or False"])
    return flags.get(key, "False").lower() == "true"
