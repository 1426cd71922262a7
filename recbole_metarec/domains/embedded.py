"""The embedded domains as they are known before `movielens` makes them: their names, their fields, what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PREFIX = "ml-100k-"

HEADERS = {
    "inter": {"user_id": "token", "item_id": "token", "rating": "float", "timestamp": "float"},
    "item": {"item_id": "token", "movie_title": "token_seq", "release_year": "token", "class": "token_seq"},
}
"""Fields of the atomic files of each domain, and their types, by ending."""


class Extent(NamedTuple):
    """How much a domain holds.

    Attributes
    ----------
    longest : int
        Interactions of the user who has most.
    n_items : int
        Items that have an interaction.
    """

    longest: int
    n_items: int


EXTENTS = {
    f"{PREFIX}{genre}": extent
    for genre, extent in {
        "action": Extent(44, 91),
        "adventure": Extent(25, 46),
        "animation": Extent(29, 40),
        "childrens": Extent(38, 66),
        "comedy": Extent(108, 275),
        "crime": Extent(42, 87),
        "drama": Extent(199, 376),
        "fantasy": Extent(13, 22),
        "film-noir": Extent(15, 24),
        "horror": Extent(73, 89),
        "musical": Extent(26, 39),
        "mystery": Extent(29, 54),
        "romance": Extent(98, 190),
        "sci-fi": Extent(50, 65),
        "thriller": Extent(35, 72),
        "war": Extent(40, 67),
        "western": Extent(21, 27),
    }.items()
}
"""What each domain holds, by its name, in order of names; timestamps of all are seconds since 1970."""


def is_to_be_made(path: Path) -> bool:
    """Whether `movielens.make_domains` would write an atomic file, and its folder is not there yet."""
    name, suffix = path.parent.name, path.suffix[1:]
    return name in EXTENTS and suffix in HEADERS and path.stem == name and not path.parent.exists()
