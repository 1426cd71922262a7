"""Groups of targets by history and popularity."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recbole_metarec.evaluation.groups import group_targets


def test_by_hand() -> None:
    items = np.array([0, 40, 30, 20, 10, 0])  # item 1 and 2 have half of all between them
    history = np.array([1, 5, 6, 10, 11, 20, 21])
    targets = np.array([1, 2, 3, 4, 5, 1, 2])
    lengths, popularity = group_targets(history, items[targets], items)
    assert lengths.names == ("1 to 5", "6 to 10", "11 to 20", "more than 20")
    assert lengths.group.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert popularity.names[2] == "popular: 30 or more had it"
    assert popularity.group.tolist() == [2, 2, 1, 1, 0, 2, 2]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_everybody_is_in_one_group_and_cold_are_those_without_any(counts: list[int]) -> None:
    items = np.array([0, *counts])
    for grouping in group_targets(np.arange(1, len(items)), items[1:], items):
        assert len(grouping.group) == len(counts)
        assert 0 <= grouping.group.min() <= grouping.group.max() < len(grouping.names)
    assert ((grouping.group == 0) == (items[1:] == 0)).all()
