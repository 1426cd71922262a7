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
    first, last : float
        The earliest timestamp and the latest.
    """

    longest: int
    n_items: int
    first: float
    last: float


EXTENTS = {
    f"{PREFIX}{genre}": extent
    for genre, extent in {
        "action": Extent(44, 91, 874728370, 893266298),
        "adventure": Extent(25, 46, 874724843, 893266205),
        "animation": Extent(29, 40, 874728396, 893266204),
        "childrens": Extent(38, 66, 874729750, 893266351),
        "comedy": Extent(108, 275, 874724882, 893286511),
        "crime": Extent(42, 87, 874728396, 893286603),
        "drama": Extent(199, 376, 874724882, 893286501),
        "fantasy": Extent(13, 22, 874729960, 893219522),
        "film-noir": Extent(15, 24, 874775406, 893266105),
        "horror": Extent(73, 89, 874724781, 893265428),
        "musical": Extent(26, 39, 874730234, 893279958),
        "mystery": Extent(29, 54, 874767550, 893286638),
        "romance": Extent(98, 190, 874724710, 893286638),
        "sci-fi": Extent(50, 65, 874724754, 893286208),
        "thriller": Extent(35, 72, 874728338, 893286346),
        "war": Extent(40, 67, 874724727, 893286550),
        "western": Extent(21, 27, 874729749, 893277579),
    }.items()
}
"""What each domain holds, by its name, in order of names."""


def is_to_be_made(path: Path) -> bool:
    """Whether `movielens.make_domains` would write an atomic file, and its folder is not there yet."""
    name, suffix = path.parent.name, path.suffix[1:]
    return name in EXTENTS and suffix in HEADERS and path.stem == name and not path.parent.exists()
