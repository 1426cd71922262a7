from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.domains.domain import from_sequences
from recbole_metarec.evidence.spectrum import cooccurrence, spectral_vectors

SEQUENCES = [[1, 2, 3, 4], [2, 3, 1], [5, 6, 5], [6, 5, 7], [3, 4, 2, 1], [7, 6], [9]]


def domain(sequences=SEQUENCES, n_items=10):
    return from_sequences("shop", sequences, n_items)


def counts_by_hand(sequences, n_items, reach):
    counts = np.zeros((n_items + 1, n_items + 1))
    for sequence in sequences:
        for here, left in enumerate(sequence):
            for there, right in enumerate(sequence):
                if 1 <= abs(here - there) <= reach:
                    counts[left, right] += 1
    return counts


def ppmi_by_hand(counts):
    total, degree = counts.sum(), counts.sum(1)
    found = np.zeros_like(counts)
    for row, column in zip(*counts.nonzero(), strict=True):
        found[row, column] = max(0, np.log(counts[row, column] * total / (degree[row] * degree[column])))
    return found


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(1, 6), max_size=8), min_size=1, max_size=6), st.integers(1, 10))
def test_cooccurrence_is_what_a_double_loop_counts(sequences, reach):
    found = cooccurrence(domain(sequences, 6), reach).toarray()
    np.testing.assert_array_equal(found, counts_by_hand(sequences, 6, reach))


def test_the_same_domain_gives_the_same_vectors():
    np.random.seed(0)
    first = spectral_vectors(domain(), 4, 2, 0.02)
    np.random.seed(1)
    np.testing.assert_array_equal(spectral_vectors(domain(), 4, 2, 0.02), first)


def test_padding_and_items_without_a_neighbour_have_no_vector():
    found = spectral_vectors(domain(), 4, 2, 0.02)
    assert found.shape == (11, 4)
    assert found.dtype == np.float32
    assert found.any(1).nonzero()[0].tolist() == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("width", [2, 4, 8])
@pytest.mark.parametrize("scale", [0.02, 1.5])
def test_known_items_have_the_standard_deviation_asked_for(width, scale):
    found = spectral_vectors(domain(), width, 2, scale)
    assert found[1:8].std() == pytest.approx(scale, rel=1e-5)


def test_a_width_beyond_the_number_of_items_leaves_the_last_entries_0():
    found = spectral_vectors(domain([[1, 2, 3], [3, 1], [2, 3]], 3), 7, 2, 1.0)
    assert found.shape == (4, 7)
    assert np.isfinite(found).all()
    assert not found[:, 3:].any()
    assert found[1:, :3].any(0).sum() >= 2


def test_inner_products_along_the_axes_are_the_leading_part_of_the_information():
    ppmi = ppmi_by_hand(counts_by_hand(SEQUENCES, 10, 2))
    values, vectors = np.linalg.eigh(ppmi)
    leading = np.argsort(-np.abs(values))[:3]
    gap = np.sort(np.abs(values))[::-1]
    assert gap[2] - gap[3] > 0.05  # otherwise the leading part would not be determined
    expected = (vectors[:, leading] * np.abs(values[leading])) @ vectors[:, leading].T
    found = spectral_vectors(domain(), 3, 2, 1.0).astype(float)
    gram = found @ found.T
    np.testing.assert_allclose(gram / np.trace(gram), expected / np.trace(expected), atol=1e-5)


def test_columns_are_ordered_by_strength_and_lean_to_the_positive_side():
    found = spectral_vectors(domain(), 4, 2, 1.0).astype(float)
    strength = (found**2).sum(0)
    assert (np.diff(strength) <= 1e-6).all()
    assert ((found**3).sum(0) > -1e-6).all()


def test_items_of_one_group_lie_closer_than_items_of_two():
    rng = np.random.default_rng(0)
    groups = [range(1, 9), range(9, 17)]
    sequences = [rng.choice(groups[n % 2], 6, replace=False).tolist() for n in range(60)]
    found = spectral_vectors(domain(sequences, 16), 2, 3, 1.0)[1:]
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    cosine = unit @ unit.T
    assert min(cosine[:8, :8].min(), cosine[8:, 8:].min()) > cosine[:8, 8:].max()


@pytest.mark.parametrize("sequences", [[], [[1]], [[1], [2], []]])
def test_a_domain_without_neighbours_has_no_vectors(sequences):
    assert not spectral_vectors(domain(sequences, 3), 4, 2, 1.0).any()


@pytest.mark.parametrize(("sequence", "n_items"), [([1, 1, 1], 1), ([1], 1)])
def test_a_domain_in_which_no_pair_is_informative_gives_zeros(sequence, n_items):
    assert not spectral_vectors(from_sequences("d", [sequence], n_items), 4, 3, 0.02).any()
