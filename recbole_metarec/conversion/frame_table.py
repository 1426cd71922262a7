"""Frames of pandas, polars and others that narwhals knows, as tables."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import narwhals as nw
import polars as pl

from recbole_metarec.conversion.table import Table
from recbole_metarec.errors import UserError


class FrameTable(Table):
    """A table in memory.

    Parameters
    ----------
    frame : frame
    name : str
        What it is called, for the lines of errors.

    Raises
    ------
    UserError
        If two of its columns have one name.
    """

    def __init__(self, frame: Any, name: str) -> None:
        self.name = name
        try:
            self._frame = nw.from_native(frame, eager_only=True)
            names = self._frame.columns
        except nw.exceptions.DuplicateError:
            names = [str(column) for column in frame.columns]
        self.columns = [str(column) for column in names]
        twice = sorted({column for column in self.columns if self.columns.count(column) > 1})
        if twice:
            raise UserError(f"{name}: has several columns {column}; rename all but one" for column in twice)
        self._own_names = dict(zip(self.columns, names, strict=True))
        self._columns_read: dict[str, pl.Series] = {}

    def read(self, columns: list[str]) -> pl.LazyFrame:
        """See `Table`: of the columns' own types, missing values null."""
        for column in columns:
            if column not in self._columns_read:
                self._columns_read[column] = _to_polars(self._frame[self._own_names[column]], column)
        return pl.DataFrame([self._columns_read[column] for column in columns]).lazy()

    def collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """See `Table`."""
        return frame.collect()

    def origin(self) -> dict[str, Any]:
        """See `Table`; the bytes are those of the columns that were read, as an Arrow file."""
        file = BytesIO()
        pl.DataFrame([*self._columns_read.values()]).write_ipc(file)
        content = file.getbuffer()
        return {"file": self.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _to_polars(column: nw.Series[Any], name: str) -> pl.Series:
    """Copy a column by way of numpy or Python, for which no pyarrow is needed."""
    if column.implementation.is_polars():
        found: pl.Series = column.to_native().alias(name)
        return found.fill_nan(None) if found.dtype.is_float() else found
    kind, missing = column.dtype, column.is_null().to_numpy()
    if isinstance(kind, nw.Datetime):
        zone = kind.time_zone
        plain = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else column
        moments = pl.Series(name, plain.to_numpy().astype("datetime64[us]"))
        return moments.dt.replace_time_zone("UTC") if zone else moments
    if kind.is_numeric() and not missing.any():
        return pl.Series(name, column.to_numpy())
    values = [None if gone else value for value, gone in zip(column.to_list(), missing, strict=True)]
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):  # values of several types
        return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)
