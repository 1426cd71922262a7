"""Dates and times of day as people and programs write them, to microseconds since 1970."""

from __future__ import annotations

import polars as pl

from recbole_metarec.datasets.interactions import ROWS_AT_ONCE

SECOND = 1_000_000
"""Microseconds of a second."""

_CLOCK = (
    r"(?:(?:t|[ ,:]\s*)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?\s*(?P<offset>z|utc|gmt|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_DENSE_CLOCK = (
    r"(?:t?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?(?P<half>[ap]m)?"
    r"\s*(?P<offset>z|utc|gmt|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_NAME = r"(?P<month>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\.?"
_YEAR_FIRST = r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
_DENSE = r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
_DAY_FIRST = r"(?P<day>\d{1,2})[-/](?P<month>\d{1,2})[-/](?P<year>\d{4}|\d{2})"
_MONTH_FIRST = r"(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>\d{4}|\d{2})"
_DOTS = r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4}|\d{2})"
_DAY_NAME = rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ /-]{_NAME}[ /-](?P<year>\d{{4}})"
_NAME_DAY = rf"{_WEEKDAY}{_NAME}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})"

SLASHES = r"^(\d{1,2})[-/](\d{1,2})[-/](?:\d{4}|\d{2})(?:\D|$)"
"""Dates of which one of the first two numbers is the day."""

_MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6}
_MONTHS |= {"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}


def read_dates(texts: pl.Series, zone: str, day_first: bool) -> pl.Series:
    """Read dates, each row in its own form.

    Parameters
    ----------
    texts : polars.Series of str
        ISO 8601, dense or not (2024-03-01T12:30:00+01:00, 20240301); days first or last with points, slashes or
        hyphens; English names of months (1 Mar 2024, Mar 1, 2024, Fri, 01 Mar 2024 12:30:00 GMT, 01/Mar/2024:12:30:00);
        hours to 24, or to 12 with am or pm. A year of two digits is of this century.
    zone : str
        Of times that name none. Of hours that a zone has twice, the first; those that it skips are none.
    day_first : bool
        Whether 03/04/2024 is in April.

    Returns
    -------
    polars.Series of int64
        Microseconds since 1970, UTC; null where there is no date.
    """
    forms = [_YEAR_FIRST, _DOTS, _DAY_FIRST if day_first else _MONTH_FIRST, _DAY_NAME, _NAME_DAY]
    patterns = [f"(?i)^{form}{_CLOCK}" for form in forms] + [f"(?i)^{_DENSE}{_DENSE_CLOCK}"]
    parts = [_read_block(part, patterns, zone) for part in pl.DataFrame({"text": texts}).iter_slices(ROWS_AT_ONCE)]
    return pl.concat(parts) if parts else pl.Series("micros", [], pl.Int64)


def _read_block(texts: pl.DataFrame, patterns: list[str], zone: str) -> pl.Series:
    frame = texts.select(pl.col("text").str.strip_chars()).with_row_index("place")
    found = []
    for pattern in patterns:
        if not len(frame):
            break
        read = frame.with_columns(micros=_read(frame["text"], pattern, zone))
        found.append(read.filter(pl.col("micros").is_not_null()).select("place", "micros"))
        frame = read.filter(pl.col("micros").is_null()).drop("micros")
    rest = frame.select("place", micros=pl.lit(None, pl.Int64))
    return pl.concat([*found, rest]).sort("place")["micros"]


def _read(texts: pl.Series, pattern: str, zone: str) -> pl.Series:
    ascii_alone = pattern.replace(r"\d", "[0-9]")
    parts = texts.str.extract_groups(ascii_alone).struct.unnest()
    year, month, day, hour = (pl.col(name) for name in ("year", "month", "day", "hour"))
    if "jan" in pattern:
        month = month.str.to_lowercase().str.head(3).replace_strict(_MONTHS, default=None, return_dtype=pl.Int64)
    full_year = pl.when(year.str.len_chars() == 2).then(2000 + year.cast(pl.Int64)).otherwise(year.cast(pl.Int64))
    hours = hour.cast(pl.Int64)
    half = pl.col("half").str.to_lowercase()
    hours = (
        pl.when(half.is_null())
        .then(hours)
        .when(hours.is_between(1, 12))
        .then(hours % 12 + 12 * (half == "p").cast(int))
    )
    moment = pl.concat_str(
        [full_year.cast(pl.String), month.cast(pl.String), day]
        + [
            pl.when(hour.is_null()).then(0).otherwise(part).cast(pl.String)
            for part in (hours, pl.col("minute").cast(int), pl.col("second").cast(int).fill_null(0))
        ],
        separator=" ",
    )
    local = moment.str.to_datetime("%Y %m %d %H %M %S", strict=False, time_unit="us")
    fraction = pl.col("fraction").str.pad_end(6, "0").str.head(6).cast(pl.Int64).fill_null(0)
    offset = pl.col("offset").str.to_lowercase()
    minutes = offset.str.extract(r"^[+-](\d{2})").cast(pl.Int64) * 60
    minutes += offset.str.extract(r"^[+-]\d{2}:?(\d{2})$").cast(pl.Int64).fill_null(0)
    minutes = pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes.fill_null(0))
    here = to_utc(local, zone)
    micros = pl.when(offset.is_null()).then(here).otherwise(local.dt.epoch("us") - minutes * (60 * SECOND))
    return parts.select(micros + fraction).to_series()


def to_utc(local: pl.Expr, zone: str) -> pl.Expr:
    """Return microseconds since 1970, UTC, of times of a zone that do not name it."""
    if zone == "UTC":
        return local.dt.epoch("us")
    return local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.epoch("us")
