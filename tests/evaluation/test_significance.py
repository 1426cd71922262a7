from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from recbole_metarec.evaluation.significance import holm, mean_intervals, paired_bootstrap

RNG = np.random.default_rng(0)
BASE = RNG.random(400)


def test_the_change_is_that_of_the_means() -> None:
    better = BASE + 0.1 + 0.05 * RNG.standard_normal(400)
    change = paired_bootstrap(better, BASE, samples=500, seed=0)
    assert change.relative == pytest.approx(better.mean() / BASE.mean() - 1)
    assert change.low < change.relative < change.high
    assert change.verdict == "ahead in one seed"
    assert paired_bootstrap(BASE, better, samples=500, seed=0).verdict == "behind in one seed"


def test_only_several_seeds_help_or_hurt() -> None:
    seeds = np.stack([BASE, BASE[::-1], BASE])
    assert paired_bootstrap(seeds + 0.1, seeds, samples=500, seed=0).verdict == "helps"
    assert paired_bootstrap(seeds - 0.1, seeds, samples=500, seed=0).verdict == "hurts"
    assert paired_bootstrap(seeds, seeds, samples=500, seed=0).verdict == "no clear difference"


def test_the_interval_has_the_width_of_the_ratios_normal_one() -> None:
    """The delta method's, in which the reference's mean is as uncertain as the model's."""
    noise = RNG.standard_normal(400)
    change = paired_bootstrap(BASE + noise, BASE, samples=4000, seed=0)
    residual = BASE + noise - (1 + change.relative) * BASE
    width = 2 * 1.96 * residual.std() / np.sqrt(400) / BASE.mean()
    assert change.high - change.low == pytest.approx(width, rel=0.1)


def test_no_model_loses_more_than_everything() -> None:
    rare = np.zeros(400)
    rare[:3] = 1
    found = paired_bootstrap(np.zeros(400), rare, samples=500, seed=0)
    assert found[:3] == (-1, -1, -1)


def test_seeds_that_differ_widen_the_interval() -> None:
    """One seed gains much, one nothing, one loses: users alone would say that the mean gain is certain."""
    a = np.stack([BASE * gain for gain in (1.3, 1.0, 0.9)])
    b = np.stack([BASE] * 3)
    change = paired_bootstrap(a, b, samples=4000, seed=0)
    assert change.of_seeds == pytest.approx((0.3, 0.0, -0.1))
    assert change.relative == pytest.approx(0.2 / 3)
    assert change.low == pytest.approx(-0.1, abs=0.01)
    assert change.high == pytest.approx(0.3, abs=0.03)
    assert change.verdict == "no clear difference"


def test_rows_of_a_user_are_drawn_together() -> None:
    """Four equal rows of each user tell no more than one of them."""
    other = BASE + RNG.standard_normal(400)
    once = paired_bootstrap(other, BASE, samples=4000, seed=0)
    users = np.repeat(np.arange(400), 4)
    four = paired_bootstrap(np.repeat(other, 4), np.repeat(BASE, 4), samples=4000, seed=1, users=users)
    as_if_apart = paired_bootstrap(np.repeat(other, 4), np.repeat(BASE, 4), samples=4000, seed=1)
    assert four.high - four.low == pytest.approx(once.high - once.low, rel=0.1)
    assert as_if_apart.high - as_if_apart.low == pytest.approx((once.high - once.low) / 2, rel=0.1)


def test_an_oracle_that_draws_row_by_row_agrees() -> None:
    rng = np.random.default_rng(5)
    users = np.sort(rng.integers(0, 60, 200))
    hits_a, hits_b = (rng.random((3, 200)) < share for share in (0.25, 0.2))
    a, b = hits_a * rng.random((3, 200)), hits_b * rng.random((3, 200))
    found = paired_bootstrap(a, b, samples=3000, seed=0, users=np.unique(users, return_inverse=True)[1])
    present = np.unique(users)
    ratios = []
    for _ in range(3000):
        rows = np.concatenate([np.flatnonzero(users == user) for user in rng.choice(present, len(present))])
        seeds = rng.choice(3, 3)
        ratios.append(a[seeds][:, rows].mean() / b[seeds][:, rows].mean() - 1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.12 * (high - low))


def test_pairing_takes_the_users_own_level_out() -> None:
    """A small gain for every user is clear although users differ far more than that."""
    change = paired_bootstrap(BASE + 0.01 + 0.001 * RNG.standard_normal(400), BASE, samples=500, seed=0)
    assert change.low > 0


def test_an_interval_covers_no_change_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(100):
        a, b = np.random.default_rng(seed).random((2, 200))
        change = paired_bootstrap(a, b, samples=300, seed=seed)
        covered += change.low <= 0 <= change.high
    assert 85 <= covered <= 100


def test_equal_models_have_no_difference() -> None:
    assert paired_bootstrap(BASE, BASE, samples=200, seed=0) == (0, 0, 0, 1, (0,))


def test_the_seed_decides() -> None:
    other = BASE + RNG.standard_normal(400)
    first, second, third = (paired_bootstrap(other, BASE, samples=200, seed=seed) for seed in (1, 1, 2))
    assert first == second != third


def test_a_reference_without_hits_gives_no_number() -> None:
    change = paired_bootstrap(BASE, np.zeros(400), samples=200, seed=0)
    assert np.isnan(change[:4]).all()
    assert change.verdict == "no clear difference"


def test_different_users_are_refused() -> None:
    with pytest.raises(ValueError, match="same rows"):
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


def test_the_interval_of_a_mean_has_the_width_of_the_normal_one() -> None:
    hits = (BASE < 0.3).astype(float)
    for values, bounds in zip((BASE, hits), mean_intervals(np.c_[BASE, hits], samples=4000, seed=0), strict=True):
        assert bounds[0] < values.mean() < bounds[1]
        assert bounds[1] - bounds[0] == pytest.approx(2 * 1.96 * values.std() / np.sqrt(400), rel=0.1)


def test_equal_rows_of_a_user_make_the_interval_of_a_mean_no_narrower() -> None:
    once = mean_intervals(BASE[:, None], samples=4000, seed=0)[0]
    four_times = mean_intervals(np.repeat(BASE, 4)[:, None], 4000, 0, np.repeat(np.arange(400), 4))[0]
    assert four_times == pytest.approx(once, rel=0.02)
