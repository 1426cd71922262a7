"""Sampled candidates: the same for every evaluation, every order of rows and every kind of model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import planted
import pytest
from recbole.data import create_dataset, data_preparation
from scipy.sparse import csr_array

from recbole_metarec.bridge.candidates import FixedSampler
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.runs.run import run

N_USERS, N_ITEMS = 30, 40


def had(seed: int = 0, share: float = 0.2) -> csr_array:
    found = np.random.default_rng(seed).random((N_USERS, N_ITEMS)) < share
    found[:, 0] = False
    return csr_array(found)


def sampler(
    seed: int = 1, phase: str = "test", matrix: csr_array | None = None, by_popularity: bool = False
) -> FixedSampler:
    return FixedSampler(SimpleNamespace(phase=phase), had() if matrix is None else matrix, by_popularity, seed)


USERS = np.arange(N_USERS)
ITEMS = 1 + USERS


@pytest.mark.parametrize("by_popularity", [False, True])
def test_candidates_are_other_items_that_the_user_never_had(by_popularity: bool) -> None:
    found = sampler(by_popularity=by_popularity).of_targets(USERS, ITEMS, 10).numpy()
    assert found.shape == (N_USERS, 10)
    for user, row in zip(USERS, found, strict=True):
        assert len(set(row)) == 10
        assert not had().toarray()[user, row].any()
        assert ITEMS[user] not in row
        assert 0 not in row


def test_order_and_company_of_rows_change_nothing() -> None:
    whole = sampler().of_targets(USERS, ITEMS, 5).numpy()
    order = np.random.default_rng(0).permutation(N_USERS)[:9]
    np.testing.assert_array_equal(sampler().of_targets(USERS[order], ITEMS[order], 5).numpy(), whole[order])
    one = sampler()
    first, second = (one.sample_by_user_ids(USERS, ITEMS, 5).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first.reshape(5, N_USERS).T, whole)


def test_seed_and_split_decide() -> None:
    drawn = [sampler(seed, phase).of_targets(USERS, ITEMS, 5) for seed in (1, 2) for phase in ("valid", "test")]
    assert all((a != b).any() for i, a in enumerate(drawn) for b in drawn[:i])


def test_candidates_are_uniform_or_by_popularity() -> None:
    nobody = csr_array((np.ones(300, bool), (np.arange(300), 1 + np.arange(300) % 4 % 3)), shape=(4000, 5))
    users, items = np.arange(300, 4000), np.full(3700, 4)  # nobody of these had anything; item 1 has half, 4 nothing
    for by_popularity, shares in ((False, [1 / 3, 1 / 3, 1 / 3]), (True, [0.5, 0.25, 0.25])):
        found = sampler(matrix=nobody, by_popularity=by_popularity).of_targets(users, items, 1).numpy()
        assert np.bincount(found.ravel(), minlength=4)[1:] / 3700 == pytest.approx(shares, abs=0.03)


def test_where_few_items_are_left_all_of_them_are_candidates() -> None:
    nearly = np.ones((1, 8), bool)
    nearly[0, [0, 3, 5]] = False
    found = sampler(matrix=csr_array(nearly)).of_targets([0], [1], 4).numpy()
    assert set(found[0]) == {3, 5}


@pytest.mark.parametrize("mode", ["uni9", "pop9"])
def test_models_of_both_kinds_rank_among_the_same_candidates(suite: Path, mode: str) -> None:
    rows = []
    for model in ("MetaRec", "Pop"):
        evaluation = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": mode}
        settings = {"data_path": str(suite), "gpu_id": "", "state": "ERROR", "eval_args": evaluation}
        config = PluginConfig(model, planted.TARGET, settings)
        _, _, test = data_preparation(config, create_dataset(config))
        found: dict[tuple[int, int], set[int]] = {}
        for interaction, row_index, positive_row, positive_item in test:
            users = interaction["user_id"].numpy()
            for place, target in zip(positive_row.numpy(), positive_item.numpy(), strict=True):
                inside = row_index.numpy() == place
                found[users[inside][0], target] = set(interaction["item_id"].numpy()[inside])
        rows.append(found)
    assert rows[0] == rows[1]
    assert all(target in items and len(items) == 10 for (_, target), items in rows[0].items())


def test_a_model_that_is_tested_twice_has_one_result_and_the_heading_says_what_was_ranked(suite: Path) -> None:
    evaluation = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni9"}
    settings = planted.settings(suite, warmup_epochs=1, meta_epochs=1, epochs=1, eval_args=evaluation)
    first, second = (run({**settings, "scratch_control": False})[0] for _ in range(2))
    assert first.test == second.test
    assert first.mode == "uni9"
