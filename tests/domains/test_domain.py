from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.domains.domain import Domain, DomainSuite, from_sequences, merge

lists = st.lists(st.lists(st.integers(1, 9), max_size=6), max_size=8)


def domain(items, offsets, n_items=5):
    return Domain("shop", np.array(items, np.int32), np.array(offsets, np.int64), n_items)


@settings(deadline=None, max_examples=50)
@given(lists)
def test_a_domain_gives_back_the_lists_it_was_made_of(sequences):
    found = from_sequences("shop", sequences, 9)
    assert [sequence.tolist() for sequence in found] == sequences
    assert [found[s].tolist() for s in range(found.n_sequences)] == sequences
    assert found.lengths.tolist() == [len(sequence) for sequence in sequences]
    assert (found.n_sequences, found.n_interactions) == (len(sequences), sum(map(len, sequences)))
    assert (found.items.dtype, found.offsets.dtype) == (np.int32, np.int64)


@settings(deadline=None, max_examples=50)
@given(lists)
def test_items_are_counted_and_padding_never(sequences):
    joined = [item for sequence in sequences for item in sequence]
    assert from_sequences("shop", sequences, 9).item_counts().tolist() == [joined.count(item) for item in range(10)]


@pytest.mark.parametrize("offsets", [[], [0], [0, 2], [0, 4], [1, 3], [0, 1, 2]])
def test_offsets_must_span_all_interactions(offsets):
    with pytest.raises(ValueError, match="shop: offsets must run from 0"):
        domain([1, 2, 3], offsets)


def test_offsets_must_not_decrease():
    with pytest.raises(ValueError, match="shop: offsets must not decrease"):
        domain([1, 2, 3], [0, 2, 1, 3])


@pytest.mark.parametrize("item", [-1, 0, 6])
def test_items_must_lie_in_the_catalogue(item):
    with pytest.raises(ValueError, match="shop: item ids must lie between 1 and 5"):
        domain([1, item, 5], [0, 3])


def test_the_ends_of_the_catalogue_and_empty_sequences_are_fine():
    assert domain([1, 5], [0, 0, 2, 2]).lengths.tolist() == [0, 2, 0]


def test_a_domain_without_users_is_fine():
    empty = domain([], [0])
    assert (empty.n_sequences, list(empty), empty.item_counts().tolist()) == (0, [], [0] * 6)


def test_a_sequence_is_a_view():
    found = from_sequences("shop", [[1, 2], [3]], 5)
    assert np.shares_memory(found[0], found.items)


def test_a_domain_describes_itself_with_its_counts():
    assert from_sequences("shop", [[1] * 1200, [2]], 5).describe() == "shop: 2 users, 5 items, 1,201 interactions"


def test_a_suite_lists_its_target_first_and_its_sources_in_order():
    target, *sources = (from_sequences(name, [[1, 2]], 2) for name in ("t", "b", "a"))
    assert DomainSuite(target, tuple(sources)).domains == (target, *sources)
    assert DomainSuite(target).domains == (target,)


@pytest.mark.parametrize("names", [("t", "t"), ("t", "a", "a"), ("t", "a", "b", "t")])
def test_a_suite_names_each_domain_once(names):
    target, *sources = (from_sequences(name, [[1, 2]], 2) for name in names)
    with pytest.raises(ValueError, match=", ".join(names)):
        DomainSuite(target, tuple(sources))


def test_pairs_end_with_the_longest_sequence() -> None:
    domain = from_sequences("d", [[1, 2, 3], [2, 1]], 3)
    found = [(earlier.tolist(), later.tolist()) for earlier, later in domain.pairs(10**9)]
    assert found == [([1, 2, 2], [2, 3, 1]), ([1], [3])]
    assert [len(earlier) for earlier, _ in from_sequences("d", [[1], [2]], 2).pairs(10**9)] == [0]


# -- times ------------------------------------------------------------------------------------------------------------


def timed(items, offsets, times, name="shop"):
    return Domain(name, np.array(items, np.int32), np.array(offsets, np.int64), 5, np.array(times, float))


def test_times_rise_within_sequences_alone():
    assert timed([1, 2, 3, 4], [0, 0, 2, 2, 3, 4, 4], [5, 5, 2, 1]).times.tolist() == [5, 5, 2, 1]
    assert timed([], [0], []).times.tolist() == []
    with pytest.raises(ValueError, match="shop: times must not decrease within a sequence"):
        timed([1, 2, 3], [0, 1, 3], [9, 8, 7])
    with pytest.raises(ValueError, match="shop: there must be a time for each interaction, got 2"):
        timed([1, 2, 3], [0, 3], [1, 2])


def test_merged_domains_have_times_if_all_do():
    first, second = timed([1, 2], [0, 2], [1, 2], "a"), timed([3], [0, 1], [0.5], "b")
    assert merge("both", [first, second]).times.tolist() == [1, 2, 0.5]
    assert merge("both", [first, domain([1], [0, 1])]).times is None


def test_times_change_no_fingerprint():
    assert timed([1, 2], [0, 2], [1, 2]).fingerprint() == domain([1, 2], [0, 2]).fingerprint()
