"""Imports by name, made when they are needed: RecBole, torch and polars take seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
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
