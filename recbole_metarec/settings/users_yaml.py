"""YAML that users write: nothing of it is lost without a word, and it is as large as it looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from recbole_metarec.errors import UserError

LARGEST = 1 << 18
"""Bytes of a file of settings."""

MOST_VALUES = 100_000
"""Values of a text, those behind aliases counted each time."""


class PropertyLoader(yaml.FullLoader):
    """PyYAML's loader that reads ``1e-3`` as a number, as RecBole's does."""


PropertyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


class QuickLoader(yaml.CFullLoader if yaml.__with_libyaml__ else yaml.FullLoader):  # type: ignore[misc]
    """`PropertyLoader` for files that nobody gets wrong: its messages are those of libyaml."""

    yaml_implicit_resolvers = PropertyLoader.yaml_implicit_resolvers


_MERGE, _TIMESTAMP, _TEXT = (f"tag:yaml.org,2002:{kind}" for kind in ("merge", "timestamp", "str"))
# Numbers to YAML 1.1 in base 8 and in base 60, to nobody else.
_ZEROS = re.compile(r"([-+]?)0[0_]*(?=[\d_])")


def read_users_yaml(path: Path, named: str) -> Any:
    """Read a YAML file that a user named.

    Parameters
    ----------
    path : Path
    named : str
        What the user wrote; error messages begin with it.

    Returns
    -------
    Any
        What is in it.

    Raises
    ------
    UserError
        If it cannot be read, is larger than `LARGEST`, or is refused by `parse_yaml`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError([f"{named}: {error.strerror}"]) from None
    if len(content) > LARGEST:
        raise UserError([f"{named}: has more than {LARGEST >> 10} KiB, more than settings need; name another file"])
    try:
        return parse_yaml(content.decode())
    except ValueError as error:
        raise UserError([f"{named}: is no YAML: {error}"]) from None


def parse_yaml(text: str) -> Any:
    """Parse a YAML text.

    Parameters
    ----------
    text : str

    Returns
    -------
    Any

    Raises
    ------
    ValueError
        If it is none, a key stands twice in a mapping, aliases make it larger than `MOST_VALUES`, or it has a number
        with a leading zero or colons, or a date, without quotation marks: the reason, in one line.
    """
    try:
        loader = PropertyLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(loader, node, {})
        return loader.construct_document(node)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"line {mark.line + 1}: {error.problem}" if mark else str(error)) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        # PyYAML lets through what int, float or datetime raise
        raise ValueError(" ".join(str(error).split())) from None


def _measure(loader: Any, node: yaml.Node, sizes: dict[yaml.Node, int]) -> int:
    """Count the values of a node, an alias's each time, and look for keys that stand twice."""
    if node not in sizes:
        sizes[node] = MOST_VALUES  # of an alias of itself
        _read_points(node)
        _check_scalar(loader, node)
        _check_keys(loader, node)
        sizes[node] = 1 + sum(_measure(loader, child, sizes) for child in _children(node))
    if sizes[node] > MOST_VALUES:
        raise ValueError(f"line {node.start_mark.line + 1}: aliases make more than {MOST_VALUES:,} values of it")
    return sizes[node]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _read_points(node: yaml.Node) -> None:
    """Leave dates at which a split divides as the text that they are."""
    for key, points in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "time" and isinstance(points, yaml.SequenceNode):
            for point in points.value:
                if point.tag == _TIMESTAMP:
                    point.tag = _TEXT


def _check_scalar(loader: Any, node: yaml.Node) -> None:
    if not isinstance(node, yaml.ScalarNode):
        return
    kind, text = node.tag.rpartition(":")[2], node.value
    place = f"line {node.start_mark.line + 1}: {text}"
    if kind == "timestamp":
        raise ValueError(f"{place} is a date, which nothing may be here; write '{text}'")
    if kind in ("int", "float") and (":" in text or _ZEROS.match(text)):
        plain = loader.construct_object(node) if ":" in text else _ZEROS.sub(r"\1", text, count=1)
        raise ValueError(f"{place} is no plain number; write {plain} or '{text}'")


def _check_keys(loader: Any, node: yaml.Node) -> None:
    known = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            name = key.value if key.tag == _MERGE else loader.construct_object(key)
            if name in known:
                raise ValueError(f"line {key.start_mark.line + 1}: {key.value} stands there twice; write it once")
            known.add(name)
