"""The one-standard-error rule, and weights that differ by more than chance."""

from __future__ import annotations

import numpy as np
import pytest

from recbole_metarec.evaluation.choice import differ_clearly, simplest_as_good, standard_error

USERS = np.arange(400)
RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal(400)
NOISE -= NOISE.mean()
ERROR = NOISE.std(ddof=1) / 20


def test_the_standard_error_is_that_of_a_mean() -> None:
    assert standard_error(NOISE, USERS) == pytest.approx(ERROR)


def test_equal_rows_of_a_user_tell_as_much_as_one_of_them() -> None:
    assert standard_error(np.repeat(NOISE, 3), np.repeat(USERS, 3)) == pytest.approx(ERROR)


def test_one_user_tells_nothing() -> None:
    assert standard_error(NOISE, np.zeros(400, np.int64)) == np.inf


@pytest.mark.parametrize(("gain", "chosen"), [(0.9, 0), (1.1, 1)])
def test_a_candidate_is_left_for_what_is_better_beyond_its_error(gain: float, chosen: int) -> None:
    base = RNG.random(400)
    assert simplest_as_good(np.stack([base, base + NOISE + gain * ERROR]), USERS) == chosen


def test_of_several_that_are_as_good_the_first_is_taken() -> None:
    base = RNG.random(400)
    worse, nearly, best = base - 1, base + NOISE, base + 0.5 * ERROR
    assert simplest_as_good(np.stack([worse, nearly, best]), USERS) == 1
    assert simplest_as_good(np.stack([worse, best, nearly]), USERS) == 1
    assert simplest_as_good(np.stack([base, base]), USERS) == 0


def test_without_a_difference_between_users_the_better_mean_wins() -> None:
    base = RNG.random(400)
    assert simplest_as_good(np.stack([base, base + 0.01]), USERS) == 1


def drawn(means: list[float], n_times: int, seed: int) -> list[dict[str, float]]:
    rng = np.random.default_rng(seed)
    return [{str(n): mean + 0.05 * rng.standard_normal() for n, mean in enumerate(means)} for _ in range(n_times)]


@pytest.mark.parametrize("n_times", [4, 50])
@pytest.mark.parametrize("n_weights", [2, 16])
def test_the_extremes_of_weights_that_are_alike_seldom_differ(n_weights: int, n_times: int) -> None:
    alike = [differ_clearly(drawn([0.06] * n_weights, n_times, seed)) for seed in range(400)]
    assert np.mean(alike) < 0.08


def test_a_weight_that_stands_out_differs() -> None:
    assert all(differ_clearly(drawn([0.06] * 15 + [0.12], 50, seed)) for seed in range(50))


def test_one_weight_or_few_times_never_differ() -> None:
    assert not differ_clearly([{"a": 1.0, "b": 0.0}] * 2)
    assert not differ_clearly([{"a": 1.0}] * 9)
    assert not differ_clearly([])
    assert differ_clearly([{"a": 1.0, "b": 0.0}] * 3)
