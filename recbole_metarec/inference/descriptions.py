"""What people see of items: what they are called, and addresses of pictures."""

from __future__ import annotations

from collections.abc import Sequence

TITLES = ("title", "movie_title", "product_title", "item_name", "name")
"""Columns that hold what items are called; of several the first counts."""

IMAGES = ("image", "image_url", "images", "imUrl", "img_url", "picture", "poster")
"""Columns that hold addresses of pictures, likewise; see `image_address`."""


def image_address(cell: object) -> str:
    """Return the first address of a picture in a cell, blank if there is none.

    Parameters
    ----------
    cell : str, or list of str
        Of several there are blanks between them; names of files are no addresses.

    Returns
    -------
    str
    """
    words = cell.split() if isinstance(cell, str) else cell if isinstance(cell, (list, tuple)) else ()
    return next((word for word in words if isinstance(word, str) and word.startswith(("https://", "http://"))), "")


def extended(known: Sequence[str], n_known: int, new: Sequence[str]) -> list[str]:
    """Put texts of new items behind those of the others.

    Parameters
    ----------
    known : sequence of str
        Empty if none of the others has any.
    n_known : int
        How many others there are.
    new : sequence of str
        Blank where there is none.

    Returns
    -------
    list of str
        Empty if no item has any.
    """
    return [*(known or [""] * n_known), *new] if known or any(new) else []
