"""Which columns settings name, which files have them, and which are therefore loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recbole_metarec.domains.embedded import HEADERS, is_to_be_made
from recbole_metarec.domains.header import read_header
from recbole_metarec.errors import UserError

KEY_FIELDS = {"USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id", "TIME_FIELD": "timestamp"}
"""Settings that name the columns every domain has, and RecBole's names for them."""

# Settings that name columns, and the kind those must be of.
_KINDS: dict[str, str | None] = {
    "val_interval": None,
    "threshold": "float",
    "numerical_features": "float",
    "normalize_field": "float",
    "discretization": "float",
    "seq_len": None,
    "alias_of_user_id": "token",
    "alias_of_item_id": "token",
    "preload_weight": None,
    "selected_features": None,
    "item_attribute": "token",
}
# Of these, RecBole's models look into one file alone.
_ONLY_IN = {"selected_features": "item", "item_attribute": "item", "threshold": "inter"}

Headers = Mapping[str, Mapping[str, str]]
"""Of each file, by its ending, the fields and their types."""


def named(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """List the columns that settings name beside user, item and time, as pairs of key and column."""
    for key in _KINDS:
        value = settings.get(key) or ()
        columns = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple, Mapping)) else ()
        for column in columns:
            yield key, str(column)
        if key == "preload_weight" and isinstance(value, Mapping):
            yield from ((key, str(column)) for column in value.values())


def find_files(root: Path, name: str, settings: Mapping[str, Any]) -> dict[str, Path]:
    """List a domain's files of columns that are there, or will be when a run begins, by their ending.

    Parameters
    ----------
    root : Path
        Folder of all domains.
    name : str
        The domain.
    settings : mapping
        ``benchmark_filename`` and ``additional_feat_suffix`` count.

    Returns
    -------
    dict of str to Path
    """
    parts = settings.get("benchmark_filename")
    inter = f"{parts[0]}.inter" if isinstance(parts, (list, tuple)) and parts else "inter"
    more = settings.get("additional_feat_suffix") or ()
    endings = {"inter": inter, "user": "user", "item": "item", "kg": "kg", "link": "link"}
    endings |= {str(ending): str(ending) for ending in ([more] if isinstance(more, str) else more)}
    paths = {suffix: root / name / f"{name}.{ending}" for suffix, ending in endings.items()}
    return {suffix: path for suffix, path in paths.items() if path.is_file() or is_to_be_made(path)}


def read_headers(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Headers:
    """Read the first line of each file.

    Raises
    ------
    UserError
        If one of them is malformed.
    """
    separator, encoding = settings.get("field_separator", "\t"), settings.get("encoding") or "utf-8"
    return {suffix: header_of(path, separator, encoding) for suffix, path in files.items()}


def header_of(path: Path, separator: str, encoding: str) -> Mapping[str, str]:
    """Read the first line of an atomic file, or tell that of an embedded domain which is not made yet."""
    if not is_to_be_made(path):
        return read_header(path, separator, encoding)
    if separator != "\t":
        raise UserError([f"--field_separator={separator}: {path} will have tabs between columns; leave it out"])
    return HEADERS[path.suffix[1:]]


def load_col(root: Path, name: str, settings: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what is loaded where the user does not: user, item, time, and the columns that settings name.

    Parameters
    ----------
    root, name
        See `find_files`.
    settings : mapping
        All settings of a run; to its ``load_col``, if there is one, more is added.
    user : mapping
        What the user set: RecBole's defaults name columns that few files have.

    Returns
    -------
    dict
        RecBole's ``load_col``.
    """
    fields = {key: settings.get(key, default) for key, default in KEY_FIELDS.items()}
    load: dict[str, Any] = {**(settings.get("load_col") or {})}
    load["inter"] = [*dict.fromkeys([*fields.values(), *load.get("inter", ())])]
    files = find_files(root, name, settings)
    asked = [*named(settings), *((key, user[key]) for key in ("RATING_FIELD", "LABEL_FIELD") if key in user)]
    headers = _headers_if_sound(files, settings) if asked else {}
    keys = {"user": [fields["USER_ID_FIELD"]], "item": [fields["ITEM_ID_FIELD"]]}
    for key, column in asked:
        suffix = next((suffix for suffix in _places(key, headers) if column in headers[suffix]), None)
        if suffix and column not in load.setdefault(suffix, [*keys.get(suffix, ())]):
            load[suffix] = [*load[suffix], column]
    whole = {*files} - {"inter", "user", "item"} | {*(settings.get("unload_col") or ())}
    return {**load, **dict.fromkeys(sorted(whole), "*")}


def _headers_if_sound(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Headers:
    try:
        return read_headers(files, settings)
    except UserError:  # said by those who check or read the file
        return {}


def _places(key: str, headers: Headers) -> list[str]:
    return [suffix for suffix in headers if suffix == _ONLY_IN.get(key, suffix)]


def column_problems(
    files: Mapping[str, Path], headers: Headers, effective: Mapping[str, Any], chosen: bool
) -> Iterator[str]:
    """Check that a domain's files have, and ``load_col`` loads, the columns that settings name.

    Parameters
    ----------
    files : mapping of str to Path
        See `find_files`.
    headers : mapping
        Their fields.
    effective : mapping
        All settings of the run.
    chosen : bool
        Whether the user set ``load_col``.

    Yields
    ------
    str
        One line for each problem.
    """
    load = effective["load_col"] if chosen else None
    for suffix, columns in (load or {}).items():
        if suffix not in files:
            yield f"--load_col: {suffix}: {files['inter'].parent} has no file of that ending; leave it out"
        elif columns != "*":
            for column in (column for column in columns if column not in headers[suffix]):
                yield f"--load_col: {_lacks(files[suffix], column, headers[suffix])}"
    for key, column in named(effective):
        places = _places(key, headers)
        found = next((suffix for suffix in places if column in headers[suffix]), None)
        if found is None:
            there = [f"{field} in .{suffix}" for suffix in places for field in headers[suffix]]
            yield f"--{key}={effective[key]}: {files['inter'].parent.name} has no column {column}; there are " + (
                ", ".join(there) or f"none: there is no .{_ONLY_IN.get(key)} file"
            )
        elif load is not None and column not in load.get(found, ()) and load.get(found) != "*":
            yield f"--load_col: leaves out {column} of .{found}, which {key} needs; add it there"
        else:
            yield from _kind_problems(key, column, headers[found][column], effective)


def _kind_problems(key: str, column: str, kind: str, effective: Mapping[str, Any]) -> Iterator[str]:
    wanted = _KINDS[key]
    if wanted and not kind.startswith(wanted):
        yield f"--{key}={effective[key]}: {column} is of type {kind}; name a column of type {wanted}"
    if key == "selected_features" and kind.startswith("float") and column not in effective["numerical_features"]:
        yield f"--{key}: {column} is of type {kind}; write it into numerical_features, too"
    if key == "val_interval":
        values = effective[key][column]
        if kind.endswith("_seq"):
            yield f"--{key}: {column} is of type {kind}, which RecBole cannot filter by; name another column"
        elif kind == "float" and not _are_ends(values):
            yield f'--{key}: {column} is of type {kind}; write an interval for it, as in "[3,inf)"'
        elif kind == "token" and isinstance(values, str):
            yield f"--{key}: {column} is of type {kind}; list the values that stay, as in [{values}]"
        elif kind == "token" and not all(isinstance(value, str) for value in values):
            yield f"--{key}: {column} is of type {kind}; put its values in quotes, as in ['{values[0]}']"


def _are_ends(values: Any) -> bool:
    return isinstance(values, str) or all(isinstance(value, (int, float)) for value in values)


def _lacks(path: Path, column: str, header: Mapping[str, str]) -> str:
    return f"{path.name} has no column {column}; it has {', '.join(header)}"
