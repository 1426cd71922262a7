"""The embedded domains: the genres of MovieLens-100K, which RecBole's wheel ships.

F. M. Harper and J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_metarec.domains.embedded import HEADERS, PREFIX, is_to_be_made
from recbole_metarec.files import write_text
from recbole_metarec.lazy import folder_of

MIN_SEQUENCE = 3
MIN_USERS = 200


def raw_folder() -> Path:
    """Folder of RecBole's own copy of ml-100k."""
    return folder_of("recbole") / "dataset_example" / "ml-100k"


def domain_name(genre: str) -> str:
    """Name of a genre's domain, e.g. ``ml-100k-sci-fi``."""
    return PREFIX + re.sub(r"[^a-z]+", "-", genre.lower().replace("'", "")).strip("-")


def genre_of_each_movie(genres: Sequence[Sequence[str]]) -> list[str]:
    """Put each movie in the rarest of its genres.

    Common genres (drama, comedy) would take nearly every movie otherwise.

    Parameters
    ----------
    genres : sequence of sequence of str
        All genres of each movie.

    Returns
    -------
    list of str
        One genre for each movie; of equally rare genres the first in the alphabet.
    """
    counts = Counter(genre for movie in genres for genre in movie)
    return [min(movie, key=lambda genre: (counts[genre], genre)) for movie in genres]


def split_genres(inter: pd.DataFrame, item: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Split ml-100k into domains with disjoint movies and disjoint users.

    Users with fewer than ``MIN_SEQUENCE`` ratings in a domain are left out of it, then domains with fewer
    than ``MIN_USERS`` users. Users are numbered anew in each domain.

    Parameters
    ----------
    inter : pandas.DataFrame
        Columns user_id, item_id, rating, timestamp.
    item : pandas.DataFrame
        Columns item_id, movie_title, release_year, class.

    Returns
    -------
    dict of str to (pandas.DataFrame, pandas.DataFrame)
        Interactions (exact chronological order, ties by rank in the original file) and items of each domain, by name.
    """
    item = item.assign(genre=genre_of_each_movie(item["class"].str.split().tolist()))
    inter = inter.assign(
        genre=inter["item_id"].map(item.set_index("item_id")["genre"]), time=inter["timestamp"].astype(np.int64)
    )
    domains = {}
    for genre, part in sorted(inter.groupby("genre"), key=lambda pair: str(pair[0])):
        part = part[part.groupby("user_id")["item_id"].transform("size") >= MIN_SEQUENCE]
        if part["user_id"].nunique() < MIN_USERS:
            continue
        part = part.sort_values("time", kind="stable")
        users = pd.factorize(part["user_id"])[0] + 1
        name = domain_name(str(genre))
        items = item[item["item_id"].isin(part["item_id"])].drop(columns="genre")
        domains[name] = (part.assign(user_id=users).drop(columns=["genre", "time"]), items)
    return domains


@lru_cache(maxsize=1)
def _read_genres(folder: Path) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    inter, item = (_read(folder / f"ml-100k.{suffix}", list(HEADERS[suffix])) for suffix in ("inter", "item"))
    return split_genres(inter, item)


def interactions_to_be_made(name: str) -> pd.DataFrame:
    """Return what `make_domains` would write to a domain's ``.inter`` file, each cell a text."""
    return _read_genres(raw_folder())[name][0]


def make_missing(data_path: Path, names: Iterable[str]) -> None:
    """Make the genre domains if a domain of one of several names is one, and is not there yet; see `make_domains`."""
    if any(is_to_be_made(data_path / name / f"{name}.inter") for name in names):
        make_domains(data_path)


def make_domains(data_path: Path) -> list[str]:
    """Write the genre domains as atomic files, the same bytes every time; what exists is left alone.

    Parameters
    ----------
    data_path : Path
        Folder of the datasets; each domain gets a folder of its own there.

    Returns
    -------
    list of str
        Names of all genre domains.
    """
    domains = _read_genres(raw_folder())
    _read_genres.cache_clear()
    for name, (rows, items) in domains.items():
        for suffix, frame in (("item", items), ("inter", rows)):
            path = data_path / name / f"{name}.{suffix}"
            if not path.exists():
                header = [f"{field}:{kind}" for field, kind in HEADERS[suffix].items()]
                lines = frame.astype(str).agg("\t".join, axis=1)
                write_text(path, ["\t".join(header), *lines])
    return list(domains)


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    # quoting=3: a title may hold a lone quotation mark
    return pd.read_csv(path, sep="\t", header=0, names=columns, dtype=str, keep_default_na=False, quoting=3)
