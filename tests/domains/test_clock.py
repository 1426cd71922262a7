from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recbole_metarec.domains.clock import NAMES, PER_SECOND, days, find_clock, seconds
from recbole_metarec.domains.requests import NEVER, first_days

NOW = 1_700_000_000.0
UTC = datetime.timezone.utc
moments = st.lists(st.integers(10**8, 1_699_999_999), min_size=2, max_size=20, unique=True)


@pytest.mark.parametrize("unit", PER_SECOND)
@given(moments)
def test_a_unit_is_told_by_its_size(unit: str, found: list[int]) -> None:
    clock = find_clock(np.array(found) * PER_SECOND[unit], now=NOW)
    first, last = (datetime.datetime.fromtimestamp(each, UTC).date() for each in (min(found), max(found)))
    assert clock == (unit, f"{NAMES[unit]}, {first} to {last}", "", "")
    np.testing.assert_allclose(seconds(np.array(found) * PER_SECOND[unit], unit), found, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("times", "what"),
    [
        (np.arange(1000.0), "positions"),
        (np.r_[np.arange(199.0), 1.6e9], "positions"),
        ([1.6e9] * 5, "all equal"),
        ([1.6e9, np.nan], "not all numbers"),
        ([5e10, 6e10], "numbers of no known unit"),
        ([-1e30, 1e30], "numbers of no known unit"),
        ([20140102030405, 20140203040506], "numbers of no known unit"),
        ([], "none"),
    ],
)
def test_what_knows_no_clock_is_named(times: list[float], what: str) -> None:
    assert find_clock(np.array(times, float)) == (None, f"{what}: nothing here knows the clock", "", "")


def test_units_that_are_mixed_are_counted() -> None:
    clock = find_clock(np.array([1.6e9, 1.5e9, 1.4e9, 1.6e12]))
    assert clock.unit is None
    assert clock.problem == (
        "of the timestamps 3 are seconds and 1 are milliseconds; write all in one unit, or say --time_unit=s if all "
        "are seconds, --time_unit=none if they only say what came first"
    )
    assert find_clock(np.array([1.6e9, 1.6e12]), "s", NOW).unit == "s"
    assert find_clock(np.array([1.6e9, 1.6e12]), "none").unit is None


def test_odd_times_are_counted_and_kept() -> None:
    clock = find_clock(np.array([1.6e9] * 50 + [0, -5.0, NOW + 2 * 86_400]), now=NOW)
    assert clock.unit == "s"
    assert clock.warning == (
        "of 53 timestamps 2 are zero or before 1970 and 1 lie in the future; they are kept as they stand"
    )
    assert clock.what == "seconds, 1969-12-31 to 2023-11-16"
    assert find_clock(np.array([1.6e9, NOW + 3600]), now=NOW).warning == ""


def test_a_unit_that_is_told_counts() -> None:
    assert find_clock(np.arange(9.0), "s").unit == "s"
    assert find_clock(np.array([1.6e9] * 3), "ms").what == "milliseconds, 1970-01-19 to 1970-01-19"


@given(st.integers(-(10**10), 10**10))
def test_days_are_those_of_the_calendar(second: int) -> None:
    moment = datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(seconds=second)
    assert days(np.array([float(second)]))[0] == (moment.date() - datetime.date(1970, 1, 1)).days


@example([(1, -5e-324)])
@given(st.lists(st.tuples(st.integers(1, 6), st.floats(-1e6, 1e6)), max_size=20))
def test_first_days_are_those_of_the_earliest_interaction(pairs: list[tuple[int, float]]) -> None:
    items, times = np.array([item for item, _ in pairs], np.int32), np.array([time for _, time in pairs], float)
    found = first_days(items, times, 6)
    for item in range(7):
        own = [int(time // 86_400) for each, time in pairs if each == item]
        assert found[item] == min(own, default=NEVER)
