"""Recommendations for a whole file of histories, in a file that exists whole or not at all."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from recbole_metarec.errors import UserError
from recbole_metarec.files import whole_file
from recbole_metarec.inference.history_files import check_ending, read_blocks
from recbole_metarec.inference.recommender import Recommendation, Recommender
from recbole_metarec.progress import bar


class Done(NamedTuple):
    """What became of a file.

    Attributes
    ----------
    n_users, n_unknown : int
        Histories, and ids in them that are no items.
    """

    n_users: int
    n_unknown: int


def recommend_file(
    recommender: Recommender, source: Path, target: Path, k: int, show_progress: bool = True, **options: Any
) -> Done:
    """Recommend for all histories of a file.

    Parameters
    ----------
    recommender : Recommender
    source : Path
        See `read_blocks`.
    target : Path
        ``.csv`` or ``.parquet`` with ``user_id``, ``item_id``, ``score``, ``rank`` and, where there are any, ``title``;
        or ``.jsonl``, a line for each user.
    k : int
    show_progress : bool
        Whether to show a bar, if there is a terminal.
    **options
        See `Recommender.recommend`.

    Returns
    -------
    Done

    Raises
    ------
    UserError
        If a file or an option is wrong.
    OSError
        If the file cannot be written.
    """
    for path, option in ((source, "input"), (target, "output")):
        check_ending(path, option)
    if source.resolve() == target.resolve():
        raise UserError([f"--output={target}: is the input; name another file"])
    n_users = n_unknown = 0
    titles = recommender.titles
    with whole_file(target) as file, bar(desc=str(target), unit="user", show=show_progress) as shown:
        writer = _WRITERS[target.suffix](file, titles)
        for rows, own_times in read_blocks(source, recommender.time_unit):
            asked = [options["at"] if own is None else own for own in own_times]
            answers = recommender.recommend_rows(rows, k, **{**options, "at": asked})
            writer.write(rows.users, answers)
            n_users, n_unknown = n_users + len(rows.users), n_unknown + recommender.n_unknown
            shown.update(len(rows.users))
        writer.end()
    return Done(n_users, n_unknown)


class _Writer(ABC):
    def __init__(self, file: BinaryIO, titles: Mapping[str, str]) -> None:
        self.file, self.titles = file, titles

    @abstractmethod
    def write(self, users: Sequence[Any], answers: Sequence[Sequence[Recommendation]]) -> None:
        """Write the recommendations of some users."""

    def end(self) -> None:
        """Write what is left."""
        return None

    def rows(self, users: Sequence[Any], answers: Sequence[Sequence[Recommendation]]) -> list[tuple[Any, ...]]:
        """Return a row for each item."""
        titled = bool(self.titles)
        return [
            (user, *each, *([self.titles.get(each.item_id, "")] if titled else ()))
            for user, answer in zip(users, answers, strict=True)
            for each in answer
        ]

    @property
    def columns(self) -> list[str]:
        return ["user_id", *Recommendation._fields, *(["title"] if self.titles else [])]


class _Lines(_Writer):
    def write(self, users: Sequence[Any], answers: Sequence[Sequence[Recommendation]]) -> None:
        for user, answer in zip(users, answers, strict=True):
            items = [titled(each, self.titles) for each in answer]
            self.file.write(orjson.dumps({"user_id": user, "recommendations": items}) + b"\n")


class _Csv(_Writer):
    def __init__(self, file: BinaryIO, titles: Mapping[str, str]) -> None:
        super().__init__(file, titles)
        self.text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        self.lines = csv.writer(self.text, lineterminator="\n")
        self.lines.writerow(self.columns)

    def write(self, users: Sequence[Any], answers: Sequence[Sequence[Recommendation]]) -> None:
        self.lines.writerows(self.rows(users, answers))

    def end(self) -> None:
        self.text.detach()  # flushes, and leaves the file open


class _Parquet(_Writer):
    """Frames are kept until the end, when all are written."""

    def __init__(self, file: BinaryIO, titles: Mapping[str, str]) -> None:
        super().__init__(file, titles)
        self.parts: list[Any] = []

    def write(self, users: Sequence[Any], answers: Sequence[Sequence[Recommendation]]) -> None:
        import polars as pl

        self.parts.append(pl.DataFrame(self.rows(users, answers), self.columns, orient="row"))

    def end(self) -> None:
        import polars as pl

        none = pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))
        parts = [part for part in self.parts if len(part)]
        (pl.concat(parts, how="vertical_relaxed") if parts else none).write_parquet(self.file)


_WRITERS: dict[str, type[_Writer]] = {".jsonl": _Lines, ".csv": _Csv, ".parquet": _Parquet}


def titled(item: Recommendation, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return an item as plain values, with its title if there is one."""
    title = titles.get(item.item_id)
    return item._asdict() if title is None else {**item._asdict(), "title": title}
