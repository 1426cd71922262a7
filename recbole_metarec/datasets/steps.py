"""Filters one after the other, with counts after each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from recbole_metarec.datasets.filters import Mask, k_core
from recbole_metarec.datasets.interactions import Interactions
from recbole_metarec.datasets.rules import UNTIL_STABLE
from recbole_metarec.errors import UserError

Count = dict[str, str | int]
Step = tuple[str, Callable[[Interactions], Mask]]
"""What a filter is called, and what marks the interactions that stay."""


def take_steps(rows: Interactions, steps: Iterable[Step]) -> tuple[Interactions, list[Count]]:
    """Filter.

    Parameters
    ----------
    rows : Interactions
        As they were read.
    steps : iterable of Step
        In order.

    Returns
    -------
    rows : Interactions
        What is left, in the same order.
    counts : list of dict
        ``step``, ``users``, ``items`` and ``interactions`` after reading and after each filter.

    Raises
    ------
    UserError
        If nothing is left.
    """
    counts: list[Count] = [{"step": "reading", **rows.counts()}]
    for step, mark in steps:
        rows = rows.take(mark(rows))
        counts.append({"step": step, **rows.counts()})
    if not len(rows):
        trace = ", ".join(f"{count['interactions']:,} after {count['step']}" for count in counts)
        raise UserError([f"no interactions are left: {trace}"])
    return rows, counts


def core_step(user_core: int, item_core: int, passes: int = UNTIL_STABLE) -> Step:
    """Make a step of `k_core`."""
    until = "to the fixed point" if passes == UNTIL_STABLE else f"in {passes} pass{'es' * (passes > 1)}"
    name = f"{user_core}-core of users, {item_core}-core of items, {until}"
    if user_core == item_core:
        name = f"{user_core}-core {until}"
    return name, lambda rows: k_core(rows, user_core, item_core, passes)
