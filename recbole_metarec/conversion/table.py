"""Tables, in files or not, of which named columns are read."""

from __future__ import annotations

import csv
import glob
import gzip
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson
import polars as pl

from recbole_metarec.errors import UserError, nearest
from recbole_metarec.files import checksum

Format = Literal["csv", "tsv", "jsonl", "parquet"]

ENDINGS: Mapping[str, Format] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""Formats by the endings of names, behind which ``.gz`` may stand but for parquet."""

_LINES_FOR_COLUMNS = 1000
_MOST_BYTES = 1 << 24


class Table(ABC):
    """A table, opened but for its rows.

    Attributes
    ----------
    name : str
        What it is called, for the lines of errors.
    columns : list of str
    """

    name: str
    columns: list[str]

    @abstractmethod
    def read(self, columns: list[str]) -> pl.LazyFrame:
        """Scan some of the columns."""

    @abstractmethod
    def collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """Carry out what `read` began, in blocks of rows as far as polars can.

        Raises
        ------
        UserError
            If the table is damaged.
        """

    @abstractmethod
    def origin(self) -> dict[str, Any]:
        """Return the name, number of bytes and checksum of what was read, as a card has them."""

    def count(self) -> int:
        """Count the rows."""
        return int(self.collect(self.read(self.columns[:1]).select(pl.len())).item())

    def lacking(self, column: str, flag: str) -> list[str]:
        """Say in a line that a column is missing, if it is."""
        if column in self.columns:
            return []
        known = ", ".join(self.columns) or "none"
        return [f"--{flag}={column}: {self.name} has no such column; it has {known}{nearest(column, self.columns)}"]


class FileTable(Table):
    """A table in a file.

    Parameters
    ----------
    path : Path
        Its name says what it is; see `ENDINGS`. Of JSON lines the columns are those that the first thousand have.

    Raises
    ------
    UserError
        If it cannot be read, or is none.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        zipped = path.suffix.lower() == ".gz"
        form = ENDINGS.get((path.with_suffix("") if zipped else path).suffix.lower())
        if form is None or (zipped and form == "parquet"):
            endings = ", ".join(ending for ending in ENDINGS if ENDINGS[ending] != "parquet")
            raise UserError([f"{path}: must end in {endings}, each with or without .gz, or in .parquet or .pq"])
        if not path.is_file():
            raise UserError([f"{path}: no such file"])
        self.form = form
        with self._readable():
            self._separator = "\t" if form == "tsv" else ","
            if form == "parquet":
                self.columns = pl.scan_parquet(path, glob=False).collect_schema().names()
            else:
                self.columns = self._keys() if form == "jsonl" else self._header()

    def read(self, columns: list[str]) -> pl.LazyFrame:
        """Scan some of the columns: of text, but in parquet of their own types."""
        if self.form == "parquet":
            return pl.scan_parquet(self.path, glob=False).select(columns)
        if self.form == "jsonl":
            path = glob.escape(str(self.path))  # there is no glob=False
            return pl.scan_ndjson(path, schema=dict.fromkeys(columns, pl.String)).select(columns)
        return pl.scan_csv(self.path, infer_schema=False, separator=self._separator, glob=False).select(columns)

    def collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """See `Table`."""
        with self._readable():
            return frame.collect(engine="streaming")

    def origin(self) -> dict[str, Any]:
        """See `Table`."""
        return {"file": self.path.name, "bytes": self.path.stat().st_size, "sha256": checksum(self.path)}

    def _header(self) -> list[str]:
        with self._opened() as file:
            line = file.readline(_MOST_BYTES).decode("utf-8-sig").rstrip("\r\n")
        if not line:
            raise UserError([f"{self.path}: the file is empty; its first line must name the columns"])
        if self.form == "csv":
            self._separator = max(",;\t|", key=line.count)
        return next(csv.reader([line], delimiter=self._separator))

    def _keys(self) -> list[str]:
        keys: dict[str, None] = {}
        with self._opened() as file:
            for number in range(1, _LINES_FOR_COLUMNS + 1):
                line = file.readline(_MOST_BYTES)
                if not line:
                    break
                try:
                    record = orjson.loads(line) if line.strip() else {}
                except orjson.JSONDecodeError:
                    record = None
                if not isinstance(record, dict):
                    raise UserError(
                        [f"{self.path}: line {number} is no JSON object; write one object a line, as in {{...}}"]
                    )
                keys |= dict.fromkeys(record)
        return [*keys]

    @contextmanager
    def _opened(self) -> Iterator[gzip.GzipFile | BinaryIO]:
        if self.path.suffix.lower() == ".gz":
            with gzip.open(self.path) as unpacked:
                yield unpacked
        else:
            with self.path.open("rb") as file:
                yield file

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError:
            raise UserError([self._not_utf8()]) from None
        except (OSError, EOFError, zlib.error, csv.Error, pl.exceptions.PolarsError) as error:
            raise UserError([self._what_failed(str(error))]) from None

    def _not_utf8(self) -> str:
        return f"{self.path}: is not UTF-8; save it as such, as with: iconv -f latin1 -t utf-8"

    def _what_failed(self, said: str) -> str:
        if "utf-8" in said.lower():
            return self._not_utf8()
        if "more fields than defined" in said:
            names = ", ".join(self.columns)
            return f"{self.path}: a row has more columns than line 1, {names}; put cells with separators into quotes"
        if "CSV malformed" in said:
            return f'{self.path}: a quotation mark within a cell is not doubled, or one is not closed; write "" for it'
        return f"{self.path}: cannot be read: {said.splitlines()[0]}"
