"""Changes of settings, as they are written on a command line or in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_metarec.errors import nearest
from recbole_metarec.settings.base import Settings, kind_of, problem
from recbole_metarec.settings.reading import read_as


def read_changes(
    settings: type[Settings], changes: Mapping[str, Any], shorthands: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Any], list[str]]:
    """Read values of fields.

    Parameters
    ----------
    settings : type of Settings
        The class that has the fields.
    changes : mapping
        By name; texts are read as the field's type.
    shorthands : mapping of str to tuple of str
        Names that stand for several fields, which count more by their own names.

    Returns
    -------
    values : dict
        By field.
    problems : list of str
        What is wrong, one line each.
    """
    values: dict[str, Any] = {}
    problems = []
    known = [*settings.model_fields, *shorthands]
    for key, value in sorted(changes.items(), key=lambda change: change[0] not in shorthands):
        if key not in known:
            problems.append(f"{key}: no such option{nearest(key, known)}")
            continue
        fields = shorthands.get(key, (key,))
        read = _read(settings, fields[0], value)
        wrong = problem(settings, fields[0], read)
        if wrong:
            problems.append(f"{key}: {value!r} {wrong}")
        values.update(dict.fromkeys(fields, read))
    return values, problems


def _read(settings: type[Settings], key: str, value: Any) -> Any:
    """Read a value that may be written as text; what is no value at all stays as it is."""
    try:
        return read_as(kind_of(settings, key), value) if isinstance(value, str) else value
    except ValueError:
        return value
