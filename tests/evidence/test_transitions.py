from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.domains.domain import Domain, from_sequences
from recbole_metarec.evidence.transitions import count_transitions, share_of_repeats, transitions

N_ITEMS = 6
SEQUENCES = st.lists(st.lists(st.integers(1, N_ITEMS), max_size=8), min_size=1, max_size=6)


def domain(sequences: list[list[int]]) -> Domain:
    return from_sequences("shop", sequences, N_ITEMS)


def counts_by_hand(sequences: list[list[int]], reach: int, backward: float) -> np.ndarray:
    counts = np.zeros((N_ITEMS + 1, N_ITEMS + 1))
    for sequence in sequences:
        for here, earlier in enumerate(sequence):
            for there, later in enumerate(sequence):
                if 1 <= there - here <= reach:
                    counts[earlier, later] += 1 / (there - here)
                    counts[later, earlier] += backward / (there - here)
    return counts


@settings(deadline=None, max_examples=50)
@given(SEQUENCES, st.integers(1, 10), st.sampled_from([0.0, 0.5, 1.0]))
def test_transitions_are_what_a_double_loop_counts(sequences: list[list[int]], reach: int, backward: float) -> None:
    found = count_transitions(domain(sequences), reach, backward)
    np.testing.assert_allclose(found.toarray(), counts_by_hand(sequences, reach, backward))
    assert (found.data > 0).all()


@settings(deadline=None, max_examples=50)
@given(SEQUENCES, st.sampled_from([0.1, 1.0, 20.0]))
def test_every_item_has_a_distribution_over_the_next(sequences: list[list[int]], smoothing: float) -> None:
    known, background, popularity = transitions(domain(sequences), 3, 0.5, smoothing)
    whole = known.toarray() + np.outer(background, popularity)
    np.testing.assert_allclose(whole.sum(1), 1, rtol=1e-5)
    assert (whole[:, 1:] > 0).all()
    assert (whole[:, 0] == 0).all()
    counts = counts_by_hand(sequences, 3, 0.5)
    expected = (counts + smoothing * popularity) / (counts.sum(1, keepdims=True) + smoothing)
    np.testing.assert_allclose(whole, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("sequences", "share"),
    [
        ([[1, 2, 3], [1, 2]], 0),
        ([[1, 1]], 1),
        ([[1, 2, 1], [3], [2, 2]], 2 / 3),
        ([[4]], 0),
        ([[]], 0),
    ],
)
def test_repeats_by_hand(sequences: list[list[int]], share: float) -> None:
    assert share_of_repeats(domain(sequences)) == pytest.approx(share)
