"""Search for items by words of their titles and ids."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

_LOOKED_AT = 20_000  # places of a word, until a search of several words gives up


class ItemSearch:
    """An index of what items are called; neither case nor accents count.

    Parameters
    ----------
    item_ids : sequence of str
    titles : mapping of str to str
        By item id, of those that have one.
    """

    def __init__(self, item_ids: Sequence[str], titles: Mapping[str, str]) -> None:
        names = [_plain(f"{titles.get(item, '')} {item}") for item in item_ids]
        self._starts = [*accumulate((len(name) + 1 for name in names), initial=0)]
        self._text = "\n" + "\n".join(names) + "\n"  # one text, which is searched faster than many

    def find(self, query: str, limit: int) -> list[int]:
        """Find the items whose title or id has all words of a query.

        Parameters
        ----------
        query : str
        limit : int
            Most items.

        Returns
        -------
        list of int
            Places in ``item_ids``: those that begin with the first word, those in which a word begins with it, the
            others.
        """
        words = _plain(query).split()
        if not words:
            return [*range(min(limit, len(self._starts) - 1))]
        found: dict[int, None] = {}
        for before in ("\n", " ", ""):
            for place in self._places(before + words[0], len(before)):
                name = self._text[self._starts[place] + 1 : self._starts[place + 1]]
                if place not in found and all(word in name for word in words[1:]):
                    found[place] = None
                    if len(found) == limit:
                        return [*found]
        return [*found]

    def _places(self, part: str, skipped: int) -> Iterator[int]:
        """List the items of which a part is found, once each."""
        at = self._text.find(part)
        for _ in range(_LOOKED_AT):
            if at < 0:
                return
            place = bisect_right(self._starts, at + skipped - 1) - 1
            yield place
            at = self._text.find(part, self._starts[place + 1])


def _plain(text: str) -> str:
    """Write a text in one line, without case and accents."""
    text = " ".join(text.split()).casefold()
    if text.isascii():
        return text
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
