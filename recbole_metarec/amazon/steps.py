"""The filters one after the other, with counts after each."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from recbole_metarec.amazon.filters import Mask, between, distinct, in_order, k_core
from recbole_metarec.amazon.options import UNTIL_STABLE, Options, to_time
from recbole_metarec.amazon.reviews import Interactions
from recbole_metarec.errors import UserError

Count = dict[str, str | int]


def apply_filters(
    rows: Interactions, options: Options, time_unit: str, described: pl.Series | None = None
) -> tuple[Interactions, list[Count]]:
    """Sort, and filter in the order of `Options`.

    Parameters
    ----------
    rows : Interactions
        In file order.
    options : Options
        Which filters.
    time_unit : str
        Of the timestamps: ``s`` or ``ms``.
    described : polars.Series of str, optional
        Items with metadata; needed if ``require_meta``.

    Returns
    -------
    rows : Interactions
        In chronological order.
    counts : list of dict
        ``step``, ``users``, ``items`` and ``interactions`` after reading and after each filter that is on.

    Raises
    ------
    UserError
        If nothing is left.
    """
    rows = in_order(rows)
    counts: list[Count] = [{"step": "reading", **rows.counts()}]
    for step, mark in _steps(options, time_unit, described):
        rows = rows.take(mark(rows))
        counts.append({"step": step, **rows.counts()})
    if not len(rows):
        trace = ", ".join(f"{count['interactions']:,} after {count['step']}" for count in counts)
        raise UserError([f"no interactions are left: {trace}"])
    return rows, counts


def _steps(
    options: Options, time_unit: str, described: pl.Series | None
) -> list[tuple[str, Callable[[Interactions], Mask]]]:
    steps: list[tuple[str, Callable[[Interactions], Mask]]] = []
    if options.after or options.before:
        after, before = to_time(options.after, time_unit), to_time(options.before, time_unit)
        span = " ".join(f"{key}={text}" for key, text in (("after", options.after), ("before", options.before)) if text)
        steps.append((span, lambda rows: between(rows, after, before)))
    if options.min_rating:
        steps.append((f"min_rating={options.min_rating:g}", lambda rows: rows.ratings >= options.min_rating))
    if options.dedup != "none":
        steps.append((f"dedup={options.dedup}", lambda rows: distinct(rows, options.dedup)))
    if options.require_meta and described is not None:
        steps.append(("require_meta", lambda rows: _is_described(rows, described)))
    if options.user_core or options.item_core:
        core = options.user_core, options.item_core, options.k_core_passes
        steps.append((_core_step(*core), lambda rows: k_core(rows, *core)))
    return steps


def _is_described(rows: Interactions, described: pl.Series) -> Mask:
    both = pl.concat([rows.item_names, described.unique()])
    known: Mask = both.is_duplicated()[: len(rows.item_names)].to_numpy()
    return known[rows.items]


def _core_step(user_core: int, item_core: int, passes: int) -> str:
    until = "to the fixed point" if passes == UNTIL_STABLE else f"in {passes} pass{'es' * (passes > 1)}"
    if user_core == item_core:
        return f"{user_core}-core {until}"
    return f"{user_core}-core of users, {item_core}-core of items, {until}"
