from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from recbole_metarec.evaluation.significance import holm, paired_bootstrap

RNG = np.random.default_rng(0)
BASE = RNG.random(400)


def test_the_change_is_that_of_the_means() -> None:
    better = BASE + 0.1 + 0.05 * RNG.standard_normal(400)
    change = paired_bootstrap(better, BASE, samples=500, seed=0)
    assert change.relative == pytest.approx(better.mean() / BASE.mean() - 1)
    assert change.low < change.relative < change.high
    assert change.verdict == "helps"
    assert paired_bootstrap(BASE, better, samples=500, seed=0).verdict == "hurts"


def test_the_interval_has_the_width_of_the_normal_one() -> None:
    noise = RNG.standard_normal(400)
    change = paired_bootstrap(BASE + noise, BASE, samples=4000, seed=0)
    width = 2 * 1.96 * noise.std() / np.sqrt(400) / BASE.mean()
    assert change.high - change.low == pytest.approx(width, rel=0.1)


def test_pairing_takes_the_users_own_level_out() -> None:
    """A small gain for every user is clear although users differ far more than that."""
    change = paired_bootstrap(BASE + 0.01 + 0.001 * RNG.standard_normal(400), BASE, samples=500, seed=0)
    assert change.low > 0


def test_an_interval_covers_no_change_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(100):
        a, b = np.random.default_rng(seed).random((2, 200))
        change = paired_bootstrap(a, b, samples=300, seed=seed)
        covered += change.verdict == "no clear difference"
    assert 85 <= covered <= 100


def test_equal_models_have_no_difference() -> None:
    assert paired_bootstrap(BASE, BASE, samples=200, seed=0) == (0, 0, 0, 1)


def test_the_seed_decides() -> None:
    other = BASE + RNG.standard_normal(400)
    first, second, third = (paired_bootstrap(other, BASE, samples=200, seed=seed) for seed in (1, 1, 2))
    assert first == second != third


def test_a_reference_without_hits_gives_no_number() -> None:
    change = paired_bootstrap(BASE, np.zeros(400), samples=200, seed=0)
    assert np.isnan(change).all()
    assert change.verdict == "no clear difference"


def test_different_users_are_refused() -> None:
    with pytest.raises(ValueError, match="same users"):
        paired_bootstrap(BASE, BASE[1:], samples=200, seed=0)


def test_p_values_agree_with_a_t_test() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.05, 0.1):
        a, b = rng.normal(1 + shift, 1, 1000), rng.normal(1, 1, 1000)
        found = paired_bootstrap(a, b, 5000, 0)
        assert found.p == pytest.approx(ttest_rel(a, b).pvalue, abs=0.03)
    same = rng.normal(1, 1, 50)
    assert paired_bootstrap(same, same, 100, 0).p == 1
    assert paired_bootstrap(same + 1, same, 100, 0).p == 0.01


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
