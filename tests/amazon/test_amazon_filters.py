from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.amazon.options import make_options, to_time
from recbole_metarec.amazon.steps import apply_filters
from recbole_metarec.datasets.filters import between, distinct, in_order, k_core
from recbole_metarec.datasets.interactions import Interactions
from recbole_metarec.errors import UserError

Rows = list[tuple[int, int, int, int]]
rows_of_some = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(4, 5), st.integers(0, 4)), max_size=60
)


def interactions(rows: Rows) -> Interactions:
    users, items, ratings, times = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Interactions(
        np.array(users, np.uint32),
        np.array(items, np.uint32),
        np.array(ratings, np.float64),
        np.array(times, np.int64),
        pl.Series([f"u{i}" for i in range(7)]),
        pl.Series([f"i{i}" for i in range(7)]),
    )


def naive_core(rows: Rows, user_core: int, item_core: int, passes: int) -> list[int]:
    kept = list(range(len(rows)))
    while True:
        users, items = Counter(rows[k][0] for k in kept), Counter(rows[k][1] for k in kept)
        fewer = [k for k in kept if users[rows[k][0]] >= user_core and items[rows[k][1]] >= item_core]
        if fewer == kept:
            return kept
        kept, passes = fewer, passes - 1
        if passes == 0:
            return kept


@settings(max_examples=200, deadline=None)
@given(rows_of_some, st.integers(0, 4), st.integers(0, 4), st.integers(0, 2))
def test_core_is_the_naive_fixed_point(rows: Rows, user_core: int, item_core: int, passes: int) -> None:
    mask = k_core(interactions(rows), user_core, item_core, passes)
    assert np.flatnonzero(mask).tolist() == naive_core(rows, user_core, item_core, passes)


@settings(max_examples=200, deadline=None)
@given(rows_of_some)
def test_order_and_repeats(rows: Rows) -> None:
    ordered = sorted(rows, key=lambda row: row[3])
    table = in_order(interactions(rows))
    assert list(zip(table.users, table.items, table.ratings, table.times, strict=True)) == ordered
    pairs = [row[:2] for row in ordered]
    first = [k for k, pair in enumerate(pairs) if pair not in pairs[:k]]
    last = [k for k, pair in enumerate(pairs) if pair not in pairs[k + 1 :]]
    exact = [k for k, row in enumerate(ordered) if row not in ordered[:k]]
    for rule, kept in (("none", list(range(len(rows)))), ("first", first), ("last", last), ("exact", exact)):
        assert np.flatnonzero(distinct(table, rule)).tolist() == kept  # type: ignore[arg-type]


def test_time_range_is_half_open() -> None:
    rows = interactions([(0, 0, 5, time) for time in range(5)])
    assert np.flatnonzero(between(rows, 1, 3)).tolist() == [1, 2]
    assert between(rows, None, None).all()


def test_steps_are_counted_in_order() -> None:
    rows = interactions([(0, 0, 5, 1), (0, 0, 5, 1), (0, 1, 4, 2), (1, 1, 5, 3), (1, 0, 5, 9)])
    options = make_options(min_rating="5", dedup="exact", k_core="2", require_meta=True)
    with pytest.raises(
        UserError, match=r"no interactions are left: 5 after reading, 4 after min_rating=5, 3 after dedup"
    ):
        apply_filters(rows, options, "s", pl.Series(["i0"]))
    kept, counts = apply_filters(rows, make_options(dedup="first", require_meta=True), "s", pl.Series(["i0", "i0"]))
    assert [count["interactions"] for count in counts] == [5, 4, 2]
    assert counts[-1] == {"step": "require_meta", "users": 2, "items": 1, "interactions": 2}
    assert kept.times.tolist() == [1, 9]


def test_moments() -> None:
    assert to_time("", "s") is None
    assert to_time("2016-01-31", "s") == 1454198400
    assert to_time("2016-01-31", "ms") == 1454198400000
    assert to_time("2016-01-31T01:00:00+01:00", "s") == 1454198400
    assert to_time("1454198400", "s") == 1454198400


def test_all_problems_of_options_at_once() -> None:
    with pytest.raises(UserError) as error:
        make_options(
            "unisrek", k_cor="5", dedup="never", max_bad="2", user_core="many", after="soon", require_meta="maybe"
        )
    problems = "\n".join(error.value.problems)
    for text in (
        "preset: 'unisrek' is none",
        "k_cor: no such option; did you mean k_core?",
        "dedup: 'never' must be one of none, exact, first, last",
        "max_bad: '2' must be a number, 0 or more and 1 at most",
        "user_core: 'many' must be a whole number",
        "after: 'soon' must be a date such as 2016-01-31 or a number",
        "require_meta: 'maybe' must be True or False",
    ):
        assert text in problems


def test_presets_can_be_changed() -> None:
    options = make_options("unisrec", item_core=3)
    assert (options.user_core, options.item_core, options.dedup, options.require_meta) == (5, 3, "exact", True)
    assert make_options("sasrec").k_core_passes == 1
    assert make_options(k_core=5, item_core=3) == make_options(item_core=3, k_core=5) == make_options("p5", item_core=3)
    with pytest.raises(UserError, match="__init__: no such option"):
        make_options(__init__="5")
