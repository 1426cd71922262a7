"""Users and items that stand in several domains under one name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

_MOST_NAMED = 4  # sources


def overlap_line(
    name: str, target: pd.DataFrame, sources: Mapping[str, pd.DataFrame], apart: bool = True
) -> str | None:
    """Say how many of a target's users and items stand in its sources, too.

    Parameters
    ----------
    name : str
        Of the target.
    target : pandas.DataFrame
        Its interactions, users in the first column, items in the second, as categories.
    sources : mapping of str to pandas.DataFrame
        Likewise, by name.
    apart : bool
        Whether items of one id are different ones, as users are.

    Returns
    -------
    str, or None
        One line; ``None`` if there are none. Ids that count from the first to the last, as ``u1``, ``u2``, …, are those
        of any domain that numbers its own, and no sign that it shares them; they are named only if they are all.
    """
    parts: dict[str, str] = {}
    counted = []
    for column, what in ((1, "items"), (0, "users")):
        own = _names(target, column)
        shared = {source: own & _names(frame, column) for source, frame in sources.items()}
        found: set[Any] = set().union(*shared.values())
        if found and apart and all(map(_is_count, (own, *(_names(sources[source], column) for source in shared)))):
            counted.append(what)
        elif found:
            of_rows = target.iloc[:, column].isin(found).mean()
            shares = f"{len(found) / len(own):.0%}; {of_rows:.0%} of interactions{_of_each(shared)}"
            parts[what] = f"{len(found):,} of {len(own):,} {what} ({shares})"
    they_are = "they are taken for different ones"
    if not parts:
        unless = ", unless --shared_items=evidence says that items are the same" if "items" in counted else ""
        return (
            f"{name} and its sources number their {' and '.join(counted)} alike: {they_are}{unless}"
            if counted
            else None
        )
    if "items" in parts:
        they_are = f"{they_are}, items too unless --shared_items=evidence" if apart else "items are one, users are not"
    return f"{name} and its sources share the ids of {' and of '.join(parts.values())}: {they_are}"


def _names(frame: pd.DataFrame, column: int) -> set[Any]:
    return {*frame.iloc[:, column].cat.categories}


def _is_count(names: Collection[Any]) -> bool:
    """Whether ids are numbers behind one prefix, of which hardly one between the first and the last lacks."""
    found = [re.fullmatch(r"(\D*)(\d+)", str(name)) for name in names]
    parts = [match.groups() for match in found if match]
    numbers = [int(number) for _, number in parts]
    is_one_kind = len(parts) == len(found) and len({prefix for prefix, _ in parts}) == 1
    return is_one_kind and max(numbers) - min(numbers) < 1.1 * len(numbers)


def _of_each(shared: Mapping[str, Collection[Any]]) -> str:
    """Name the sources that share most."""
    largest = sorted((source for source in shared if shared[source]), key=lambda source: -len(shared[source]))
    named = [f"{source} {len(shared[source]):,}" for source in largest[:_MOST_NAMED]]
    others = len(largest) - len(named)
    return f"; {', '.join([*named, *[f'{others} others'] * (others > 0)])}"
