"""Values that are written as text: how one is read follows from the type of its field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from recbole_metarec.settings.users_yaml import parse_yaml


def read_as(kind: Any, text: str, split_at_blanks: bool = True) -> Any:
    """Read a value.

    Parameters
    ----------
    kind : type
        Of the field; see `settings.base.kind_of`.
    text : str
        As it was written.
    split_at_blanks : bool
        Whether the names of a list have none.

    Returns
    -------
    Any
        Text to the letter, but for quotation marks around it, where the kind is text alone; a list of names where it
        is one, which may do without brackets; anything else as YAML. ``None`` and ``~`` are nothing.

    Raises
    ------
    ValueError
        If it is no YAML.
    """
    if text in ("", "None"):
        return None if text else ""
    types = {*plain_types(kind)}
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    if types == {str} and not quoted:
        return None if text == "~" else text
    parsed = parse_yaml(text)
    if isinstance(parsed, str) and Sequence in types:
        names = parsed.replace(",", " ").split() if split_at_blanks else parsed.split(",")
        return [name.strip() for name in names if name.strip()]
    return parsed


def plain_types(kind: Any) -> Iterator[Any]:
    """List the types of which the values of a kind are; `Sequence` for lists of text, ``list`` for others."""
    origin: Any = get_origin(kind)
    if hasattr(kind, "__metadata__"):  # of Annotated
        yield from plain_types(get_args(kind)[0])
    elif origin in (Union, UnionType):
        for each in get_args(kind):
            yield from plain_types(each)
    elif origin is Literal:
        yield from {type(each) for each in get_args(kind)} - {NoneType}
    elif origin is Sequence:
        yield Sequence if {*plain_types(get_args(kind)[0])} == {str} else list
    elif kind is not NoneType:
        yield origin or kind
