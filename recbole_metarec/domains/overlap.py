"""Users and items that stand in several domains under one name."""

from __future__ import annotations

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
        One line; ``None`` if there are none.
    """
    parts: dict[str, str] = {}
    for column, what in ((1, "items"), (0, "users")):
        own = _names(target, column)
        shared = {source: own & _names(frame, column) for source, frame in sources.items()}
        found: set[Any] = set().union(*shared.values())
        if found:
            of_rows = target.iloc[:, column].isin(found).mean()
            shares = f"{len(found) / len(own):.0%}; {of_rows:.0%} of interactions{_of_each(shared)}"
            parts[what] = f"{len(found):,} of {len(own):,} {what} ({shares})"
    if not parts:
        return None
    they_are = "they are taken for different ones"
    if "items" in parts:
        they_are = f"{they_are}, items too unless --shared_items=evidence" if apart else "items are one, users are not"
    return f"{name} and its sources share the ids of {' and of '.join(parts.values())}: {they_are}"


def _names(frame: pd.DataFrame, column: int) -> set[Any]:
    return {*frame.iloc[:, column].cat.categories}


def _of_each(shared: Mapping[str, Collection[Any]]) -> str:
    """Name the sources that share most."""
    largest = sorted((source for source in shared if shared[source]), key=lambda source: -len(shared[source]))
    named = [f"{source} {len(shared[source]):,}" for source in largest[:_MOST_NAMED]]
    others = len(largest) - len(named)
    return f"; {', '.join([*named, *[f'{others} others'] * (others > 0)])}"
