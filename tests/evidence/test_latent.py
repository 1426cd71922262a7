"""Latent factors beside what exact algebra finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recbole_metarec.evidence.latent import LatentFactors, factorize, positive_information

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


def test_information_does_not_hang_on_the_scale_of_the_weights_nor_on_how_pairs_are_cut() -> None:
    before, after, _, weights = random_pairs(0)
    once = positive_information(before, after, weights, N_ITEMS).toarray()
    twice = [np.concatenate([values, values]) for values in (before, after)]
    halves = np.concatenate([100 * weights, 20 * weights])
    np.testing.assert_allclose(positive_information(*twice, halves, N_ITEMS).toarray(), once, atol=1e-5)
    assert (once >= 0).all()


def test_factors_know_what_lies_before_their_refresh_and_nothing_else() -> None:
    before, after, days, weights = random_pairs(1)
    factors = LatentFactors(before, after, days, weights, N_ITEMS, 8, refresh=7)
    for day in (60, 20, 99, 62, 56, 20):
        known = days < day // 7 * 7
        own = LatentFactors(before[known], after[known], days[known], weights[known], N_ITEMS, 8, refresh=1)
        for found, wanted in zip(factors.on(day), own.on(100), strict=True):
            torch.testing.assert_close(found, wanted)


def test_without_pairs_nothing_is_known() -> None:
    none = np.zeros(0, np.int32)
    factors = LatentFactors(none, none, none, np.zeros(0), N_ITEMS, 8, refresh=7).on(5)
    assert not factors.inputs.any()
    assert not factors.outputs.any()
    assert factors.outputs.shape == (N_ITEMS + 1, 8)
