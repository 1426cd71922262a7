"""Latent factors beside what exact algebra finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import coo_array, csr_array

from recbole_metarec.evidence.counted import Pairs
from recbole_metarec.evidence.latent import LatentFactors, factorize, positive_information, refine

N_ITEMS = 30


def random_pairs(seed: int, n_pairs: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw pairs of items on days 0 to 99."""
    rng = np.random.default_rng(seed)
    before, after = rng.integers(1, N_ITEMS + 1, (2, n_pairs)).astype(np.int32)
    return before, after, rng.integers(0, 100, n_pairs).astype(np.int32), rng.random(n_pairs)


@pytest.mark.parametrize("width", [1, 4, 30, 60])
def test_factors_come_as_close_to_the_matrix_as_its_singular_values_allow(width: int) -> None:
    # a quick decay, as co-occurrence has: for a flat spectrum a randomized method is a little worse
    rng = np.random.default_rng(width)
    left, right = (np.linalg.qr(rng.standard_normal((N_ITEMS + 1, N_ITEMS + 1)))[0] for _ in range(2))
    values = 10 * 0.6 ** np.arange(N_ITEMS + 1)
    matrix = (left * values) @ right.T
    found_left, found_right = factorize(csr_array(matrix.astype(np.float32)), width)
    assert found_left.shape == found_right.shape == (N_ITEMS + 1, width)
    error = np.linalg.norm(matrix - found_left @ found_right.T)
    assert error <= 1.02 * np.sqrt((values[width:] ** 2).sum()) + 1e-4


def test_information_does_not_hang_on_the_unit_of_counts() -> None:
    before, after, _, weights = random_pairs(0)
    counts = csr_array(coo_array((weights, (before, after)), shape=(N_ITEMS + 1, N_ITEMS + 1)))
    once = positive_information(counts, 1.0, 0.75).toarray()
    np.testing.assert_allclose(positive_information(100 * counts, 1.0, 0.75).toarray(), once, atol=1e-5)
    assert (once >= 0).all()


def made(pairs: Pairs, width: int, refresh: int) -> LatentFactors:
    return LatentFactors(lambda: pairs, int(pairs.days.max(initial=0)), N_ITEMS, width, refresh)


@pytest.mark.parametrize("refresh", [1, 7])
def test_factors_know_what_lies_before_their_refresh_and_nothing_else(refresh: int) -> None:
    before, after, days, weights = random_pairs(1)
    factors = made(Pairs(before, after, days, weights), 8, refresh)
    for day in (60, 20, 99, 62, 56, 20):
        other = after.copy()
        later = days >= day // refresh * refresh
        other[later] = other[later][::-1] % N_ITEMS + 1
        changed = made(Pairs(before, other, days, weights), 8, refresh)
        for found, wanted in zip(factors.on(day), changed.on(day), strict=True):
            assert torch.equal(found, wanted)
    everything = made(Pairs(before, after, days, weights), N_ITEMS + 1, refresh)
    for day in (30, 62, 150):  # as many factors as rows are the matrix itself
        known = days < day // refresh * refresh
        entries = (weights[known], (before[known], after[known]))
        matrix = positive_information(csr_array(coo_array(entries, shape=(N_ITEMS + 1, N_ITEMS + 1))), 1.0, 0.75)
        left, right = everything.on(day)
        np.testing.assert_allclose(left @ right.T, matrix.toarray(), atol=2e-2)


def test_without_pairs_nothing_is_known() -> None:
    factors = made(Pairs.none(), 8, refresh=7).on(5)
    assert not factors.inputs.any()
    assert not factors.outputs.any()
    assert factors.outputs.shape == (N_ITEMS + 1, 8)


def test_a_step_from_the_factors_of_before_finds_what_factors_from_nothing_find() -> None:
    rng = np.random.default_rng(2)
    left, right = (np.linalg.qr(rng.standard_normal((N_ITEMS + 1, 4)))[0] for _ in range(2))
    matrix = csr_array(((left * [9, 7, 5, 3]) @ right.T).astype(np.float32))
    begun = factorize(csr_array((matrix + 0.1 * rng.standard_normal(matrix.shape)).astype(np.float32)), 4)[1]
    refined_left, refined_right = refine(matrix, begun)
    np.testing.assert_allclose(refined_left @ refined_right.T, matrix.toarray(), atol=1e-4)
    np.testing.assert_allclose(
        (refined_left**2).sum(0), (refined_right**2).sum(0), rtol=1e-3
    )  # evenly, as from nothing


def test_factors_of_a_day_do_not_hang_on_what_was_asked_before() -> None:
    before, after, days, weights = random_pairs(3)
    asked = made(Pairs(before, after, days, weights), 8, refresh=1)
    for day in (80, 10, 57, 56, 99, 120, 30, 58, 80):
        alone = made(Pairs(before, after, days, weights), 8, refresh=1)
        for found, wanted in zip(asked.on(day), alone.on(day), strict=True):
            assert torch.equal(found, wanted)
