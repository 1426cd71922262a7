"""Imports by name, made when they are needed: RecBole, torch and polars take seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def load_object(place: str) -> Any:
    """Import what a place names.

    Parameters
    ----------
    place : str
        ``package.module:name``.

    Returns
    -------
    Any
    """
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


@cache
def folder_of(package: str) -> Path:
    """Return the folder of an installed package, which is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


def names_in(place: str, shipped: Sequence[str]) -> Sequence[str]:
    """List the names in a table that others can add to, which they have not done while nobody has imported it.

    Parameters
    ----------
    place : str
        See `load_object`.
    shipped : sequence of str
        Names that are in it from the beginning.

    Returns
    -------
    sequence of str
    """
    return list(load_object(place)) if place.partition(":")[0] in sys.modules else shipped


def attributes_of(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package (PEP 562) whose names are in modules of it.

    Parameters
    ----------
    package : str
        Its name.
    places : mapping of str to str
        The module of each name, relative to the package.

    Returns
    -------
    callable
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return load_object(f"{package}.{places[name]}:{name}")

    return get
