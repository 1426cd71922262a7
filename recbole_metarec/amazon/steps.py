"""The filters one after the other, with counts after each."""

from __future__ import annotations

import polars as pl

from recbole_metarec.amazon.options import Options, to_time
from recbole_metarec.datasets.filters import Mask, between, distinct, in_order
from recbole_metarec.datasets.interactions import Interactions
from recbole_metarec.datasets.steps import Count, Step, core_step, take_steps


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
    return take_steps(in_order(rows), _steps(options, time_unit, described))


def _steps(options: Options, time_unit: str, described: pl.Series | None) -> list[Step]:
    steps: list[Step] = []
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
        steps.append(core_step(options.user_core, options.item_core, options.k_core_passes))
    return steps


def _is_described(rows: Interactions, described: pl.Series) -> Mask:
    both = pl.concat([rows.item_names, described.unique()])
    known: Mask = both.is_duplicated()[: len(rows.item_names)].to_numpy()
    return known[rows.items]
