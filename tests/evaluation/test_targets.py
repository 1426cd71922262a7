"""Targets are joined by user and item, whatever their order and whoever else is there."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recbole_metarec.evaluation.targets import Targets, common_rows

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=12)


def targets(pairs: list[tuple[str, str]]) -> Targets:
    users, items = zip(*pairs, strict=True) if pairs else ((), ())
    return Targets(np.array(users, dtype=object), np.array(items, dtype=object))


@given(st.lists(PAIRS, min_size=1, max_size=3))
def test_rows_in_common_are_those_of_the_same_user_and_item(every: list[list[tuple[str, str]]]) -> None:
    rows = common_rows([targets(pairs) for pairs in every])
    shared = [[pairs[row] for row in found] for pairs, found in zip(every, rows, strict=True)]
    assert all(found == shared[0] for found in shared)
    expected = Counter(every[0])
    for pairs in every[1:]:
        expected &= Counter(pairs)
    assert Counter(shared[0]) == expected
    assert all(len(set(found)) == len(found) for found in rows)
    assert list(rows[0]) == sorted(rows[0])


def test_users_are_numbered_as_they_appear() -> None:
    found = targets([("b", "x"), ("a", "x"), ("b", "y")])
    assert found.user_numbers().tolist() == [0, 1, 0]
    assert found.n_users == 2
    assert found.take(np.array([1])).items.tolist() == ["x"]
