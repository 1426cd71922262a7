"""Items are found by words of their titles and ids, as by looking at each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recbole_metarec.serving.search import ItemSearch

WORDS = st.text("abÀé", min_size=1, max_size=3)
TITLES = st.lists(WORDS, max_size=4).map(" ".join)


def rank(name: str, first: str) -> int:
    return 0 if name.startswith(first) else 1 if f" {first}" in name else 2


@given(st.lists(TITLES, max_size=12), st.lists(WORDS, min_size=1, max_size=2), st.integers(1, 12))
def test_items_are_found_as_by_looking_at_each(titles: list[str], words: list[str], limit: int) -> None:
    ids = [f"i{number}" for number in range(len(titles))]
    search = ItemSearch(ids, {item: title for item, title in zip(ids, titles, strict=True) if title})
    plain = str.maketrans("Àé", "ae")
    names = [" ".join(f"{title} {item}".split()).translate(plain) for item, title in zip(ids, titles, strict=True)]
    first, *others = (word.translate(plain) for word in words)
    matching = [place for place, name in enumerate(names) if all(word in name for word in (first, *others))]
    expected = sorted(matching, key=lambda place: rank(names[place], first))[:limit]
    assert search.find(" ".join(words), limit) == expected


def test_case_and_accents_do_not_count() -> None:
    search = ItemSearch(["B00X", "7"], {"7": "Amélie\n(2001)"})
    assert search.find("b00x", 5) == search.find("B00", 5) == [0]
    assert search.find("AMELIE 2001", 5) == search.find("amélie (2001)", 5) == [1]
    assert search.find("", 1) == [0]
    assert search.find("\n", 5) == [0, 1]
    assert ItemSearch([], {}).find("a", 5) == ItemSearch([], {}).find("", 5) == []
