"""Times in the forms that people and programs write, against Python's own reading of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.conversion.dates import read_dates
from recbole_metarec.conversion.options import make_options
from recbole_metarec.conversion.times import read_times
from recbole_metarec.errors import UserError

LOCAL = (
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S,%f",
    "%Y/%m/%d %H:%M:%S.%f",
    "%Y%m%dT%H%M%S.%f",
    "%d.%m.%Y %H:%M:%S.%f",
    "%d/%m/%Y %I:%M:%S.%f %p",
    "%d-%m-%y, %H:%M:%S.%f",
    "%a, %d %b %Y %H:%M:%S.%f",
    "%B %d, %Y %I:%M:%S.%f%p",
    "%d/%b/%Y:%H:%M:%S.%f",
)
OFFSETS = {"Z": 0, " UTC": 0, "+00:00": 0, "+0530": 330, " -03:30": -210, "+02": 120}
moments = st.datetimes(datetime(2001, 1, 1), datetime(2037, 1, 1))


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)


@settings(max_examples=150)
@given(moments, st.sampled_from(LOCAL), st.sampled_from(["", *OFFSETS]), st.sampled_from(["UTC", "America/New_York"]))
def test_each_form_is_read_as_python_reads_it(moment: datetime, form: str, offset: str, zone: str) -> None:
    here = timezone(timedelta(minutes=OFFSETS[offset])) if offset else ZoneInfo(zone)
    aware = moment.replace(tzinfo=here)
    read = read_dates(pl.Series([f"{moment:{form}}{offset}"]), zone, day_first=True)
    skipped = aware.astimezone(timezone.utc).astimezone(here).replace(tzinfo=None) != moment
    assert read.to_list() == [None if skipped else micros(aware)]


def test_what_is_no_date_stays_none_in_its_place() -> None:
    texts = ["2024-02-29", "2023-02-29", "soon", None, "2024-03-01 24:30", "13:00", "1.3.2024", "2024-03-01 13:00 pm"]
    read = read_dates(pl.Series(texts), "UTC", False)
    assert read.is_not_null().to_list() == [True, False, False, False, False, False, True, False]


SECONDS = [1_709_294_400, 1_709_298_000, 1_709_380_800]


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        (SECONDS, "s"),
        ([float(second) for second in SECONDS], "s"),
        ([str(second) for second in SECONDS], "s"),
        ([f"{second}.25" for second in SECONDS], "ms"),
        ([second * 1000 for second in SECONDS], "s"),
        ([str(second * 10**6 + 1) for second in SECONDS], "us"),
        ([second * 10**9 for second in SECONDS], "s"),
        ((pl.Series(SECONDS) * 1000).cast(pl.Datetime("ms")), "s"),
        ([datetime.fromtimestamp(second, timezone.utc) for second in SECONDS], "s"),
        (["2024-03-01 12:00", "2024-03-01T14:00:00+01:00", "02.03.2024 12:00"], "s"),
        (["20240301120000", "20240301130000", "20240302120000"], "s"),
    ],
)
def test_each_kind_of_time_is_the_same_in_seconds(column: object, unit: str) -> None:
    series = pl.Series("time", column)
    times = read_times(series, make_options())
    assert times.known.all()
    assert times.unit == unit
    per_second = {"s": 1, "ms": 1000, "us": 10**6}[unit]
    assert (times.stamps // per_second).tolist() == SECONDS
    assert (times.stamps % per_second).tolist() == [{"s": 0, "ms": 250, "us": 1}[unit]] * 3


def test_dense_dates_are_no_numbers_and_positions_are_no_dates() -> None:
    dense = read_times(pl.Series([20240301, 20231231]), make_options())
    assert dense.stamps.tolist() == [1_709_251_200, 1_703_980_800]
    positions = read_times(pl.Series(["3", "1", "2.5", "inf"]), make_options())
    assert positions.unit is None
    assert positions.known.tolist() == [True, True, False, False]
    assert positions.stamps[:2].tolist() == [3, 1]


def test_a_zone_moves_times_that_name_none() -> None:
    options = make_options(zone="Europe/Berlin")
    for column in (["2024-03-01 13:00", "2024-07-01T12:00:00Z"], [datetime(2024, 3, 1, 13), datetime(2024, 7, 1, 14)]):
        assert read_times(pl.Series(column), options).stamps.tolist() == [1_709_294_400, 1_719_835_200]


def test_day_and_month_are_told_by_the_data_or_asked_for() -> None:
    april, day = pl.Series("t", ["03/04/2024"]), 86_400
    with pytest.raises(UserError, match=r"t: '03/04/2024': nothing tells day from month; say --day_first=True or"):
        read_times(april, make_options())
    with pytest.raises(UserError, match="some have the day first, some the month"):
        read_times(pl.Series("t", ["13/04/2024", "04/13/2024"]), make_options())
    first = read_times(april, make_options(day_first="True")).stamps[0]
    assert first == read_times(pl.Series(["03/04/2024", "13/04/2024"]), make_options()).stamps[0]
    assert first - read_times(pl.Series(["03/04/2024", "04/13/2024"]), make_options()).stamps[0] == 30 * day


def test_numbers_of_several_units_are_refused() -> None:
    with pytest.raises(UserError, match=r"t: of the timestamps 2 are seconds and 1 are milliseconds"):
        read_times(pl.Series("t", [1_709_294_400, 1_709_294_401, 1_709_294_400_000]), make_options())
    forced = read_times(pl.Series("t", [5, 6, 7]), make_options(time_unit="s"))
    assert (forced.unit, np.ptp(forced.stamps)) == ("s", 2)
