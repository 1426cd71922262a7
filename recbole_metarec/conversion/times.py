"""A column of times, of any type, as whole numbers of a known unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from recbole_metarec.conversion.dates import SECOND, SLASHES, read_dates, to_utc
from recbole_metarec.conversion.options import Options
from recbole_metarec.domains.clock import NAMES, PER_SECOND, find_clock
from recbole_metarec.errors import UserError

# Whole numbers that 64-bit floats, in which RecBole reads them, tell from one another.
_EXACT = 2**53
_DENSE_FORM = r"^(?:19|20)\d{6}(?:\d{6})?$"


class Times(NamedTuple):
    """Times of rows.

    Attributes
    ----------
    stamps : int64 array, shape (n,)
        In ``unit``; anything where they are not known.
    known : bool array, shape (n,)
    unit : {"s", "ms", "us"} or None
        The coarsest that is exact; ``None`` if they only say what came first.
    what : str
        In words.
    warning : str
        What is odd; empty if nothing is.
    """

    stamps: npt.NDArray[np.int64]
    known: npt.NDArray[np.bool_]
    unit: str | None
    what: str
    warning: str = ""


def read_times(column: pl.Series, options: Options) -> Times:
    """Read times.

    Parameters
    ----------
    column : polars.Series
        Dates and times, numbers, or texts that are either; see `dates.read_dates` and `domains.clock.find_clock`.
    options : Options

    Returns
    -------
    Times

    Raises
    ------
    UserError
        If numbers are of several units, it is not known whether day or month comes first, or the column is of a type
        that no times have.
    """
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    kind = column.dtype
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        return _of_dates(_moments(column, options.zone))
    if kind.is_numeric():
        texts = column.cast(pl.String)
        numbers = column
    elif kind == pl.String:
        texts = column.str.strip_chars()
        numbers = texts.cast(pl.Float64, strict=False)
        whole = texts.cast(pl.Int64, strict=False)
        numbers = whole if whole.null_count() == numbers.null_count() else numbers
    else:
        raise UserError([f"{column.name}: is of type {kind}; times are dates, numbers or texts"])
    n_numbers = len(numbers) - numbers.null_count()
    dense = texts.str.contains(_DENSE_FORM).fill_null(False)
    as_dates = 2 * n_numbers < len(texts.drop_nulls()) or (options.time_unit == "auto" and _are_dense(texts, dense))
    if as_dates:
        return _of_dates(read_dates(texts, options.zone, _day_first(texts, options)))
    return _of_numbers(numbers, options)


def _are_dense(texts: pl.Series, dense: pl.Series) -> bool:
    """Whether all numbers are dates without separators, as 20240301."""
    if not len(texts) or dense.sum() < len(texts.drop_nulls()):
        return False
    return read_dates(texts.drop_nulls(), "UTC", False).null_count() == 0


def _moments(column: pl.Series, zone: str) -> pl.Series:
    name = pl.col(column.name)
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        return column.to_frame().select(name.dt.epoch("us")).to_series()
    return column.to_frame().select(to_utc(name.cast(pl.Datetime("us")), zone)).to_series()


def _day_first(texts: pl.Series, options: Options) -> bool:
    if options.day_first is not None:
        return options.day_first
    slashes = texts.filter(texts.str.contains(SLASHES).fill_null(False))
    first, second = (slashes.str.extract(SLASHES, group).cast(pl.Int64, strict=False) > 12 for group in (1, 2))
    if len(slashes) and first.any() == second.any():
        which = "some have the day first, some the month" if first.any() else "nothing tells day from month"
        raise UserError([f"{texts.name}: {slashes[0]!r}: {which}; say --day_first=True or --day_first=False"])
    return bool(first.any())


def _of_dates(micros: pl.Series) -> Times:
    known = micros.is_not_null().to_numpy()
    stamps = micros.fill_null(0).to_numpy().astype(np.int64)
    return _exactly(stamps, known, "")


def _of_numbers(numbers: pl.Series, options: Options) -> Times:
    known = (numbers.is_not_null() & numbers.cast(pl.Float64).is_finite().fill_null(False)).to_numpy().copy()
    values = numbers.fill_null(0).to_numpy()
    floats = values.astype(np.float64)
    clock = find_clock(floats[known], options.time_unit)
    if clock.problem:
        raise UserError([f"{numbers.name}: {clock.problem}"])
    if clock.unit is None:
        known &= (np.abs(floats) < _EXACT) & (floats == np.rint(floats))
        return Times(np.where(known, floats, 0).astype(np.int64), known, None, clock.what)
    scale = PER_SECOND[clock.unit] / SECOND
    known &= np.abs(floats) / scale < _EXACT
    if np.issubdtype(values.dtype, np.integer):
        whole = np.where(known, values, 0).astype(np.int64)
        stamps = whole // int(scale) if scale >= 1 else whole * round(1 / scale)
    else:
        stamps = np.rint(np.where(known, floats, 0) / scale).astype(np.int64)
    return _exactly(stamps, known, clock.warning)


def _exactly(micros: npt.NDArray[np.int64], known: npt.NDArray[np.bool_], warning: str) -> Times:
    """Write microseconds in the coarsest unit that is exact."""
    read = micros[known]
    unit = next(unit for unit in ("s", "ms", "us") if not (read % round(SECOND / PER_SECOND[unit])).any())
    stamps = micros // round(SECOND / PER_SECOND[unit])
    clock = find_clock(stamps[known].astype(np.float64), unit)
    return Times(stamps, known, unit, clock.what if len(read) else NAMES[unit], warning or clock.warning)
