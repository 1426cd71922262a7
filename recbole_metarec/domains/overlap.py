"""Users and items that stand in several domains under one name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_metarec.domains.plain import texts
from recbole_metarec.domains.stored import StoredInteractions

_MOST_NAMED = 4  # sources


class Ids(NamedTuple):
    """Users and items of a domain, and how many interactions each has."""

    users: dict[str, int]
    items: dict[str, int]


def ids_of(interactions: pd.DataFrame | StoredInteractions) -> Ids:
    """Count users and items: of a frame, users in its first column and items in the second, as categories."""
    if isinstance(interactions, StoredInteractions):
        users = _counted(texts(interactions.users), interactions.lengths)
        return Ids(users, _counted(interactions.item_names(), np.bincount(interactions.items)[1:]))
    columns = (interactions.iloc[:, place] for place in range(2))
    return Ids(*(_counted(column.cat.categories, np.bincount(column.cat.codes)) for column in columns))


def _counted(names: Iterable[str], counts: npt.NDArray[np.int64]) -> dict[str, int]:
    return dict(zip(names, counts.tolist(), strict=True))


def overlap_line(name: str, target: Ids, sources: Mapping[str, Ids], apart: bool = True) -> str | None:
    """Say how many of a target's users and items stand in its sources, too.

    Parameters
    ----------
    name : str
        Of the target.
    target : Ids
    sources : mapping of str to Ids
        By name.
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
    for what in ("items", "users"):
        own: dict[str, int] = getattr(target, what)
        of_sources: dict[str, dict[str, int]] = {source: getattr(ids, what) for source, ids in sources.items()}
        shared = {source: own.keys() & names for source, names in of_sources.items()}
        found: set[str] = set().union(*shared.values())
        if found and apart and all(map(_is_count, (own, *of_sources.values()))):
            counted.append(what)
        elif found:
            of_rows = sum(own[name] for name in found) / sum(own.values())
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


def _is_count(names: Collection[str]) -> bool:
    """Whether ids are numbers behind one prefix, of which hardly one between the first and the last lacks."""
    prefixes: set[str] = set()
    numbers = []
    for name in names:  # where ids are no numbers, the first of them tells
        match = re.fullmatch(r"(\D*)(\d+)", name)
        if match is None or len(prefixes | {match[1]}) > 1:
            return False
        prefixes.add(match[1])
        numbers.append(int(match[2]))
    return bool(numbers) and max(numbers) - min(numbers) < 1.1 * len(numbers)


def _of_each(shared: Mapping[str, Collection[str]]) -> str:
    """Name the sources that share most."""
    largest = sorted((source for source in shared if shared[source]), key=lambda source: -len(shared[source]))
    named = [f"{source} {len(shared[source]):,}" for source in largest[:_MOST_NAMED]]
    others = len(largest) - len(named)
    return f"; {', '.join([*named, *[f'{others} others'] * (others > 0)])}"
