from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.nn import loss
from recbole_metarec.nn.loss import NegativeSampler, full_softmax, sampled_softmax

WIDTH = 4


def problem(positions=5, items=7, seed=0):
    """States, item vectors with a padding row, and targets, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(positions, WIDTH, generator=generator, dtype=torch.float64)
    table = torch.randn(items + 1, WIDTH, generator=generator, dtype=torch.float64)
    targets = torch.randint(1, items + 1, (positions,), generator=generator)
    return states, table, targets


def naive(states, table, targets):
    """Cross entropy by loops over positions and items."""
    total = 0.0
    for state, target in zip(states, targets.tolist(), strict=True):
        scores = [sum(s * v for s, v in zip(state.tolist(), row.tolist(), strict=True)) for row in table[1:]]
        total += math.log(sum(math.exp(score) for score in scores)) - scores[target - 1]
    return total / len(states)


def sampled(states, table, targets, ids, log_q_positives=None, log_q_negatives=None, twice_differentiable=False):
    zeros = torch.zeros(())
    return sampled_softmax(
        states,
        table[targets],
        table[ids],
        targets,
        ids,
        zeros.expand(len(targets)) if log_q_positives is None else log_q_positives,
        zeros.expand(len(ids)) if log_q_negatives is None else log_q_negatives,
        twice_differentiable,
    )


# Full ----------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 99))
def test_full_softmax_is_the_naive_cross_entropy(positions, items, seed):
    states, table, targets = problem(positions, items, seed)
    assert full_softmax(states, table, targets).item() == pytest.approx(naive(states, table, targets))


def test_padding_is_no_candidate_and_gets_no_gradient():
    states, table, targets = problem()
    expected = full_softmax(states, table, targets)
    table[0] = 1e3 * states.sum(0)
    table.requires_grad_()
    loss = full_softmax(states, table, targets)
    torch.testing.assert_close(loss.detach(), expected)
    loss.backward()
    assert not table.grad[0].any()
    assert table.grad[1:].any(1).all()


def test_full_softmax_survives_large_scores():
    states, table, targets = problem()
    assert full_softmax(1e4 * states, table, targets).isfinite()


# Sampled -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.sets(st.integers(1, 12), min_size=1), st.integers(1, 40), st.integers(0, 99))
def test_loss_and_gradients_do_not_depend_on_blocks(positions, ids, block, seed):
    states, table, targets = problem(positions, items=12, seed=seed)
    for each in (states, table):
        each.requires_grad_()
    ids, generator = torch.tensor(sorted(ids)), torch.Generator().manual_seed(seed)
    log_q = [torch.randn(n, generator=generator).double() for n in (positions, len(ids))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, "_BLOCK", {True: block, False: block})
        for softmax in (full_softmax, lambda *args: sampled(*args[:3], ids, *log_q, *args[3:])):
            found, expected = (softmax(states, table, targets, twice) for twice in (False, True))
            torch.testing.assert_close(found, expected)
            for left, right in zip(
                *(torch.autograd.grad(2 * each, (states, table)) for each in (found, expected)), strict=True
            ):
                torch.testing.assert_close(left, right)


@pytest.mark.parametrize("seed", range(3))
def test_with_every_item_drawn_once_it_is_the_full_softmax(seed):
    states, table, targets = problem(seed=seed)
    for each in (states, table):
        each.requires_grad_()
    ids = torch.randperm(7, generator=torch.Generator().manual_seed(seed)) + 1
    ours, full = sampled(states, table, targets, ids), full_softmax(states, table, targets)
    torch.testing.assert_close(ours, full)
    for left, right in zip(*(torch.autograd.grad(each, (states, table)) for each in (ours, full)), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("twice_differentiable", [False, True])
def test_sampled_softmax_by_hand(twice_differentiable):
    states, table, targets = problem(positions=2)
    targets, ids = torch.tensor([3, 5]), torch.tensor([3, 1, 4])
    log_q_positives = torch.tensor([0.3, -0.7]).double()
    log_q_negatives = torch.tensor([0.1, -0.4, 0.9]).double()
    scores = states @ table.T
    expected = 0.0
    for n, target in enumerate(targets.tolist()):
        positive = math.exp(scores[n, target] - log_q_positives[n])
        others = [math.exp(scores[n, i] - log_q_negatives[m]) for m, i in enumerate(ids.tolist()) if i != target]
        expected -= math.log(positive / (positive + sum(others))) / 2
    found = sampled(states, table, targets, ids, log_q_positives, log_q_negatives, twice_differentiable)
    assert found.item() == pytest.approx(expected)


def test_an_accidental_hit_is_no_candidate_for_its_own_position_but_for_others():
    states, table, _ = problem(positions=2)
    targets = torch.tensor([3, 5])
    base, hit = torch.tensor([1, 2]), torch.tensor([1, 2, 3])
    for n, changes in ((0, False), (1, True)):
        one = slice(n, n + 1)
        before, after = (sampled(states[one], table, targets[one], ids) for ids in (base, hit))
        assert torch.isclose(before, after) != changes


def test_a_position_all_of_whose_negatives_are_its_target_has_no_loss():
    states, table, _ = problem(positions=1)
    states.requires_grad_()
    found = sampled(states, table, torch.tensor([4]), torch.tensor([4]))
    found.backward()
    assert found.item() == 0
    assert not states.grad.any()


def test_a_constant_added_to_every_correction_changes_nothing():
    states, table, targets = problem()
    ids, generator = torch.tensor([1, 4, 6]), torch.Generator().manual_seed(1)
    positives, negatives = (torch.randn(n, generator=generator).double() for n in (len(targets), len(ids)))
    expected = sampled(states, table, targets, ids, positives, negatives)
    torch.testing.assert_close(sampled(states, table, targets, ids, positives + 3, negatives + 3), expected)


@pytest.mark.parametrize("power", [0.0, 0.75])
def test_corrected_draws_estimate_the_partition_function_without_bias(power):
    states, table, _ = problem(positions=1, items=12)
    sampler = NegativeSampler(torch.tensor([0, *(2**i for i in range(12))]), power)
    target, number, generator = torch.tensor([5]), 16, torch.Generator().manual_seed(3)
    score = (states[0] @ table[5]).item()
    estimates = []
    for _ in range(3000):
        ids = sampler.draw(number, generator)
        # the target stands among the candidates for certain, so its own correction is log 1
        loss = sampled(states, table, target, ids, log_q_negatives=sampler.log_inclusion(number)[ids])
        estimates.append(math.exp(loss.item() + score))
    estimates = torch.tensor(estimates)
    expected = (states @ table[1:].T).exp().sum().item()
    error = (estimates.std() / len(estimates) ** 0.5).item()
    assert error < 0.02 * expected
    assert abs(estimates.mean().item() - expected) < 4 * error


# Drawing -------------------------------------------------------------------------------------------------------------


def counts():
    return torch.tensor([9, 0, 1, 2, 50, 7, 0, 300])


def weights_by_hand(power):
    weights = [max(count, 1) ** power for count in counts()[1:].tolist()]
    return torch.tensor([0.0, *(weight / sum(weights) for weight in weights)], dtype=torch.float64)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_probabilities_are_powers_of_popularity_and_padding_has_none(power):
    torch.testing.assert_close(NegativeSampler(counts(), power).probabilities, weights_by_hand(power))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_items_are_drawn_as_often_as_their_probabilities_say(power):
    number = 20_000
    sampler, generator = NegativeSampler(counts(), power), torch.Generator().manual_seed(0)
    found = torch.bincount(torch.cat([sampler.draw(1, generator) for _ in range(number)]), minlength=8).double()
    expected = number * weights_by_hand(power)
    assert found[0] == 0
    assert len(found) == 8
    chi_square = ((found - expected)[1:].square() / expected[1:]).sum().item()
    assert chi_square < 22.5  # 6 degrees of freedom, p = 0.001


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_items_without_an_interaction_can_be_left_out(power, monkeypatch):
    popularity = torch.tensor([9, 0, 1, 2, 50, 7, 0])
    sampler = NegativeSampler(popularity, power, unseen=False)
    everything = NegativeSampler(popularity, power).probabilities
    assert sampler.probabilities[[0, 1, 6]].tolist() == [0, 0, 0]
    torch.testing.assert_close(sampler.probabilities[2:6], everything[2:6] / everything[2:6].sum())
    ends = torch.tensor([0.0, 1 - 2**-53, 1.0], dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: ends)
    assert sampler.draw(3, torch.Generator()).tolist() == [2, 5]


def test_power_0_draws_items_alike():
    assert len(NegativeSampler(counts(), 0.0).probabilities[1:].unique()) == 1


def test_draws_follow_their_generator_alone():
    sampler = NegativeSampler(counts(), 0.75)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(draws))
        draws.append(sampler.draw(100, torch.Generator().manual_seed(seed)))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_catalogue_of_one_item_draws_it():
    assert NegativeSampler(torch.tensor([0, 0]), 0.75).draw(5, torch.Generator().manual_seed(0)).tolist() == [1]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.floats(0, 1), st.integers(0, 2**31))
def test_what_is_drawn_is_an_item_of_the_catalogue(popularity, power, seed):
    sampler = NegativeSampler(torch.tensor([0, *popularity]), power)
    drawn = sampler.draw(200, torch.Generator().manual_seed(seed))
    assert drawn.min() >= 1
    assert drawn.max() <= len(popularity)
    assert sampler.probabilities.sum().item() == pytest.approx(1)


def test_the_ends_of_the_random_numbers_draw_the_first_and_the_last_item(monkeypatch):
    ends = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: ends)
    assert NegativeSampler(counts(), 0.3).draw(2, torch.Generator()).tolist() == [1, 7]


@pytest.mark.parametrize("number", [1, 5, 512])
def test_an_item_is_among_the_draws_as_often_as_its_inclusion_probability_says(number):
    sampler, generator = NegativeSampler(counts(), 0.75), torch.Generator().manual_seed(0)
    found = torch.zeros(8)
    for _ in range(2000):
        ids = sampler.draw(number, generator)
        assert len(ids) == len(ids.unique())
        found[ids] += 1 / 2000
    expected = sampler.log_inclusion(number).exp()
    assert expected[0] == 0
    torch.testing.assert_close(found, expected, rtol=0, atol=0.04)


def test_the_sampled_gradient_vanishes_where_the_full_one_does():
    """At the true distribution of the targets nothing is left to learn, popular items included."""
    popularity = torch.tensor([0.0, *(1000 / rank for rank in range(1, 31))])
    truth = popularity[1:] / popularity.sum()
    logits = truth.log().requires_grad_()
    sampler, generator = NegativeSampler(popularity, 0.75), torch.Generator().manual_seed(0)
    log_inclusion, table = sampler.log_inclusion(64), torch.cat([torch.zeros(1), logits])[:, None]
    gradient = torch.zeros(30)
    for _ in range(300):
        ids = sampler.draw(64, generator)
        targets = torch.arange(1, 31)
        losses = torch.stack(
            [
                sampled_softmax(
                    torch.ones(1, 1),
                    table[t][None],
                    table[ids],
                    t[None],
                    ids,
                    log_inclusion[t][None],
                    log_inclusion[ids],
                )
                for t in targets
            ]
        )
        gradient += torch.autograd.grad((truth * losses).sum(), logits, retain_graph=True)[0] / 300
    assert gradient.abs().sum() < 0.02 * 2 * (truth * (1 - truth)).sum()
