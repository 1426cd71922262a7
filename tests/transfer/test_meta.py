from __future__ import annotations

import copy
import math

import pytest
import torch
from backbones import make_backbone
from torch import nn
from torch.func import functional_call

from recbole_metarec.nn.batches import make_batch
from recbole_metarec.nn.encoder import SharedEncoder
from recbole_metarec.nn.quantizers import MultiHeadQuantizer
from recbole_metarec.transfer.meta import (
    SourceGradient,
    combine,
    inner_steps,
    similarity,
    source_gradient,
    source_weights,
)

WIDTH = 4


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def smooth_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(WIDTH, 5), nn.Tanh(), nn.Linear(5, WIDTH))


def parameters(model):
    return {name: value.detach().clone().requires_grad_() for name, value in model.named_parameters()}


def table(seed, rows=6, width=WIDTH):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def loss_of(model, sign=1.0):
    """Each row of the table should be mapped to the row below it."""

    def loss(theta, rows):
        return sign * (functional_call(model, dict(theta), (rows[:-1],)) - rows[1:].sin()).square().mean()

    return loss


def equal_rates(theta, steps, rate=0.1, learn=False):
    return [{name: torch.tensor(rate, requires_grad=learn) for name in theta} for _ in range(steps)]


def drawn_rates(theta, steps):
    torch.manual_seed(7)
    return [{name: (0.05 + 0.2 * torch.rand(())).requires_grad_() for name in theta} for _ in range(steps)]


def slope(function, point, direction, step=1e-5):
    """Central difference of a function of a dict of tensors along a direction."""
    ahead, behind = ({k: (x + sign * step * direction[k]).detach() for k, x in point.items()} for sign in (1, -1))
    return (function(ahead) - function(behind)) / (2 * step)


def directions(point, count=4):
    torch.manual_seed(11)
    return [{name: torch.randn_like(value) for name, value in point.items()} for _ in range(count)]


def dot(left, right):
    return sum((left[name] * right[name]).sum() for name in left)


def by_hand(source_loss, target_loss, theta, source_table, target_table, rates):
    """Target loss behind plain gradient descent on the source, as a number."""
    phi = {name: value.detach().requires_grad_() for name, value in theta.items()}
    for rate in rates:
        grads = torch.autograd.grad(source_loss(phi, source_table.detach()), list(phi.values()))
        stepped = {name: phi[name] - rate[name] * g for name, g in zip(phi, grads, strict=True)}
        phi = {name: value.detach().requires_grad_() for name, value in stepped.items()}
    return target_loss(phi, target_table.detach()).item()


def flat(rates):
    return {f"{k}.{name}": value for k, rate in enumerate(rates) for name, value in rate.items()}


def unflat(values, steps):
    return [{name.split(".", 1)[1]: x for name, x in values.items() if name.startswith(f"{k}.")} for k in range(steps)]


# One source ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
def test_second_order_meta_gradient_is_the_slope_of_the_target_loss_behind_the_inner_steps(steps):
    model = smooth_model()
    loss, theta, rates = loss_of(model), parameters(model), drawn_rates(parameters(model), steps)
    found = source_gradient(loss, loss, theta, table(1), table(2), rates, second_order=True)
    for direction in directions(theta):
        expected = slope(lambda at: by_hand(loss, loss, at, table(1), table(2), rates), theta, direction)
        assert dot(found.meta, direction).item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 2])
def test_gradient_by_learnt_rates_is_the_slope_in_second_order(steps):
    model = smooth_model()
    loss, theta, rates = loss_of(model), parameters(model), drawn_rates(parameters(model), steps)
    found = source_gradient(loss, loss, theta, table(1), table(2), rates, second_order=True).rates
    assert found.keys() == flat(rates).keys()
    for direction in directions(flat(rates)):
        expected = slope(
            lambda at: by_hand(loss, loss, theta, table(1), table(2), unflat(at, steps)), flat(rates), direction
        )
        assert dot(found, direction).item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_first_order_gradient_by_the_last_steps_rates_is_exact_too():
    model = smooth_model()
    loss, theta, rates = loss_of(model), parameters(model), drawn_rates(parameters(model), 2)
    first = source_gradient(loss, loss, theta, table(1), table(2), rates).rates
    second = source_gradient(loss, loss, theta, table(1), table(2), rates, second_order=True).rates
    for name in theta:
        torch.testing.assert_close(first[f"1.{name}"], second[f"1.{name}"])
        assert not torch.allclose(first[f"0.{name}"], second[f"0.{name}"], rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 3])
def test_first_order_is_the_gradient_at_a_copy_that_took_sgd_steps(steps):
    model = smooth_model()
    loss, theta, source_table, target_table = loss_of(model), parameters(model), table(1), table(2)
    found = source_gradient(loss, loss, theta, source_table, target_table, equal_rates(theta, steps))

    moved = copy.deepcopy(model)
    optimizer = torch.optim.SGD(moved.parameters(), lr=0.1)
    own = {name: torch.zeros_like(value) for name, value in theta.items()}
    for _ in range(steps):
        optimizer.zero_grad()
        (moved(source_table[:-1]) - source_table[1:].sin()).square().mean().backward()
        own = {name: own[name] + value.grad / steps for name, value in moved.named_parameters()}
        optimizer.step()
    optimizer.zero_grad()
    target_table = target_table.detach().requires_grad_()
    target = (moved(target_table[:-1]) - target_table[1:].sin()).square().mean()
    target.backward()

    for name, value in moved.named_parameters():
        torch.testing.assert_close(found.meta[name], value.grad)
        torch.testing.assert_close(found.source[name], own[name])
    torch.testing.assert_close(found.table, target_table.grad)
    torch.testing.assert_close(found.loss, target.detach())


@pytest.mark.parametrize("second_order", [False, True])
def test_the_sources_table_gets_its_gradient_at_theta_whatever_follows(second_order):
    model = smooth_model()
    loss, theta, source_table = loss_of(model), parameters(model), table(1)
    found = source_gradient(loss, loss, theta, source_table, table(2), equal_rates(theta, 2), second_order=second_order)
    (expected,) = torch.autograd.grad(loss(theta, source_table), source_table)
    torch.testing.assert_close(found.source_table, expected)


def test_second_order_differs_from_first_order():
    model = smooth_model()
    loss, theta = loss_of(model), parameters(model)
    first, second = (
        source_gradient(loss, loss, theta, table(1), table(2), equal_rates(theta, 1, 0.5), second_order=order).meta
        for order in (False, True)
    )
    assert max((first[name] - second[name]).abs().max() for name in theta) > 1e-3


@pytest.mark.parametrize("second_order", [False, True])
def test_nothing_that_is_passed_in_is_modified_and_nothing_that_comes_out_holds_a_graph(second_order):
    model = smooth_model()
    loss, theta, tables = loss_of(model), parameters(model), (table(1), table(2))
    rates = equal_rates(theta, 2, learn=True)
    given = [*theta.values(), *tables, *flat(rates).values()]
    before = [value.detach().clone() for value in given]
    found = source_gradient(loss, loss, theta, *tables, rates, second_order=second_order)
    for value, old in zip(given, before, strict=True):
        assert torch.equal(value, old)
        assert value.grad is None
    parts = [*found.meta.values(), *found.source.values(), *found.rates.values()]
    parts += [found.source_table, found.table, found.similarity, found.loss]
    assert not any(part.requires_grad for part in parts)


def test_fixed_rates_get_no_gradient():
    model = smooth_model()
    loss, theta = loss_of(model), parameters(model)
    assert source_gradient(loss, loss, theta, table(1), table(2), equal_rates(theta, 1)).rates == {}


def test_parameters_that_a_loss_does_not_use_get_zeros():
    theta = {"used": torch.ones(2, requires_grad=True), "idle": torch.ones(3, requires_grad=True)}

    def loss(at, _):
        return at["used"].square().sum()

    found = source_gradient(loss, loss, theta, table(1), table(2), equal_rates(theta, 1), second_order=True)
    for part in (found.meta["idle"], found.source["idle"], found.source_table, found.table):
        assert not part.any()
    torch.testing.assert_close(found.meta["used"], torch.full((2,), 2 * 0.8 * 0.8))  # phi = 0.8 theta


def test_inner_steps_lead_down_the_sources_loss():
    model = smooth_model()
    loss, theta = loss_of(model), parameters(model)
    losses = [
        loss(inner_steps(loss, theta, table(1), equal_rates(theta, steps), False).phi, table(1)).item()
        for steps in (1, 2, 3)
    ]
    assert loss(theta, table(1)).item() > losses[0] > losses[1] > losses[2]


# Similarity ----------------------------------------------------------------------------------------------------------


def test_global_similarity_is_one_cosine_over_all_parameters_joined():
    left, right = (
        {"a": torch.tensor([[3.0, 0.0], [0.0, 0.0]]), "b": torch.tensor([0.0, 4.0])},
        {"a": torch.tensor([[6.0, 0.0], [0.0, 0.0]]), "b": torch.tensor([0.0, -8.0])},
    )
    assert similarity(left, right).item() == pytest.approx((18 - 32) / (5 * 10))


def test_tensor_similarity_is_the_mean_of_one_cosine_for_each_tensor():
    torch.manual_seed(0)
    left, right = ({"a": torch.randn(2, 3), "b": torch.randn(4), "c": torch.randn(())} for _ in range(2))
    cosines = [(left[k] * right[k]).sum() / (left[k].norm() * right[k].norm()) for k in left]
    assert similarity(left, right, "tensor").item() == pytest.approx(sum(cosines).item() / 3)


def test_similarity_goes_by_names_and_not_by_order():
    torch.manual_seed(0)
    left, right = ({"a": torch.randn(3), "b": torch.randn(3)} for _ in range(2))
    assert similarity(left, right) == similarity(dict(reversed(left.items())), right)


@pytest.mark.parametrize("scope", ["global", "tensor"])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_similarity_ignores_scale_and_a_zero_vector_is_similar_to_nothing(scope, scale):
    torch.manual_seed(0)
    left, right = torch.randn(5), torch.randn(5)
    expected = torch.cosine_similarity(left, right, dim=0)
    torch.testing.assert_close(similarity({"a": scale * left}, {"a": right / scale}, scope), expected)
    assert similarity({"a": torch.zeros(5)}, {"a": right}, scope) == 0


@pytest.mark.parametrize("scope", ["global", "tensor"])
def test_a_source_equal_to_the_target_is_similar_and_its_opposite_is_dissimilar(scope):
    model = smooth_model()
    theta, rates = parameters(model), equal_rates(parameters(model), 1, 0.01)
    same, opposed = (
        source_gradient(loss_of(model, sign), loss_of(model), theta, table(1), table(1), rates, scope=scope)
        for sign in (1.0, -1.0)
    )
    assert same.similarity > 0.99
    assert opposed.similarity < -0.99


def test_source_gradient_compares_the_displacement_with_the_meta_gradient():
    model = smooth_model()
    loss, theta, rates = loss_of(model), parameters(model), drawn_rates(parameters(model), 2)
    found = source_gradient(loss, loss, theta, table(1), table(2), rates, second_order=True, scope="tensor")
    phi = inner_steps(loss, theta, table(1), rates, True).phi
    expected = similarity({name: (theta[name] - phi[name]).detach() for name in theta}, found.meta, "tensor")
    torch.testing.assert_close(found.similarity, expected)


# Several sources -----------------------------------------------------------------------------------------------------


def gradients_of(losses, tables, target_seed=1, steps=1):
    model = smooth_model()
    theta = parameters(model)
    rates = equal_rates(theta, steps, learn=True)
    return [
        source_gradient(loss_of(model, sign), loss_of(model), theta, source, table(target_seed), rates)
        for sign, source in zip(losses, tables, strict=True)
    ]


def combined(gradients, **options):
    return combine(gradients, torch.stack([g.similarity for g in gradients]), **{"temperature": 0.1, **options})


def assert_same_gradient(left, right):
    for ours, theirs in ((left.theta, right.theta), (left.rates, right.rates)):
        assert ours.keys() == theirs.keys()
        for name in ours:
            torch.testing.assert_close(ours[name], theirs[name])
    torch.testing.assert_close(left.table, right.table)
    torch.testing.assert_close(left.loss, right.loss)


@pytest.mark.parametrize("temperature", [0.01, 1.0, math.inf])
def test_one_source_has_weight_1_and_its_gradients_pass_unchanged(temperature):
    (only,) = gradients_of([1.0], [table(3)])
    found = combined([only], temperature=temperature)
    assert found.weights.tolist() == [1.0]
    for name in only.meta:
        torch.testing.assert_close(found.theta[name], only.meta[name])
    torch.testing.assert_close(found.table, only.table)


def test_permuting_sources_changes_nothing():
    gradients = gradients_of([1.0, 1.0, -1.0], [table(3), table(4), table(5)])
    order = [2, 0, 1]
    left, right = (combined(part, source_share=0.5) for part in (gradients, [gradients[i] for i in order]))
    assert left.weights.unique().numel() == 3
    torch.testing.assert_close(left.weights[order], right.weights)
    assert_same_gradient(left, right)


def test_an_opposed_source_gets_the_smallest_weight_and_the_targets_double_the_largest():
    found = combined(gradients_of([1.0, 1.0, -1.0], [table(1), table(9), table(1)]))
    assert found.weights.argmax() == 0
    assert found.weights.argmin() == 2


def test_equal_sources_have_equal_weights_and_count_as_one():
    twins = gradients_of([1.0, 1.0], [table(3), table(3)])
    found = combined(twins)
    torch.testing.assert_close(found.weights, torch.tensor([0.5, 0.5]))
    assert_same_gradient(found, combined(twins[:1]))


def test_infinite_temperature_weighs_all_sources_alike():
    gradients = gradients_of([1.0, 1.0, -1.0], [table(3), table(4), table(5)])
    found = combined(gradients, temperature=math.inf)
    torch.testing.assert_close(found.weights, torch.full((3,), 1 / 3))
    for name in found.theta:
        torch.testing.assert_close(found.theta[name], torch.stack([g.meta[name] for g in gradients]).mean(0))


def test_a_lower_temperature_favours_the_most_similar_source_more():
    similarities = torch.tensor([0.3, 0.1, -0.2])
    weights = [source_weights(similarities, temperature)[0] for temperature in (10.0, 1.0, 0.1, 0.01)]
    assert weights == sorted(weights)
    assert weights[-1] > 0.999
    torch.testing.assert_close(
        source_weights(similarities, 0.5), (2 * similarities).exp() / (2 * similarities).exp().sum()
    )


@pytest.mark.parametrize("share", [0.0, 0.25, 2.0])
def test_source_share_adds_the_weighted_gradients_of_the_sources_themselves(share):
    gradients = gradients_of([1.0, 1.0, -1.0], [table(3), table(4), table(5)], steps=2)
    found, plain = combined(gradients, source_share=share), combined(gradients)
    for name in found.theta:
        own = sum(w * g.source[name] for w, g in zip(found.weights, gradients, strict=True))
        torch.testing.assert_close(found.theta[name], plain.theta[name] + share * own)
    assert_same_gradient(found._replace(theta=plain.theta), plain)


def test_combine_weighs_by_the_similarities_it_is_given():
    def gradient(value):
        part = torch.tensor([float(value)])
        return SourceGradient({"a": part}, {"a": 10 * part}, part, 2 * part, {"0.a": 3 * part}, part[0], 4 * part[0])

    similarities = torch.tensor([0.0, math.log(3.0)])
    found = combine([gradient(1), gradient(5)], similarities, temperature=1.0, source_share=1.0)
    torch.testing.assert_close(found.weights, torch.tensor([0.25, 0.75]))
    assert found.theta["a"].item() == pytest.approx(4 + 40)
    assert found.table.item() == pytest.approx(8)
    assert found.rates["0.a"].item() == pytest.approx(12)
    assert found.loss.item() == pytest.approx(16)
    assert found.similarities is similarities


def test_weights_in_double_precision_leave_single_precision_gradients_single():
    (gradient,) = gradients_of([1.0], [table(3)])
    single = gradient._replace(meta={name: value.float() for name, value in gradient.meta.items()})
    found = combine([single], torch.zeros(1), temperature=1.0)
    assert {value.dtype for value in found.theta.values()} == {torch.float32}


# Through the real encoder --------------------------------------------------------------------------------------------

INPUTS = torch.tensor([[1, 2, 3, 4], [5, 6, 1, 0]])
TARGETS = torch.tensor([[2, 3, 4, 5], [6, 1, 2, 0]])


def encoder(backbone):
    torch.manual_seed(3)
    body = make_backbone(
        backbone, width=4, layers=1, heads=2, inner_width=6, dropout=0.0, attention_dropout=0.0, max_length=4
    )
    return SharedEncoder(body, MultiHeadQuantizer(width=4, heads=2, codes=3, code_width=2, residual=True))


def window_loss(model):
    def loss(theta, rows):
        batch = make_batch(INPUTS, TARGETS)
        return functional_call(model, dict(theta), (rows, batch), {"twice_differentiable": True}).loss

    return loss


@pytest.mark.parametrize("backbone", ["transformer", "gru", "lru"])
@pytest.mark.parametrize("steps", [1, 2])
def test_second_order_through_a_backbone_is_the_slope_of_the_target_loss(backbone, steps):
    model = encoder(backbone)
    loss, theta, tables = window_loss(model), parameters(model), (table(1, 7), table(2, 7))
    # straight-through gradients are no slopes, so only the backbone moves
    moving = {name: value for name, value in theta.items() if name.startswith("backbone.")}
    rates = [{name: torch.tensor(0.05 if name in moving else 0.0) for name in theta}] * steps
    found = source_gradient(loss, loss, theta, *tables, rates, second_order=True).meta
    for direction in directions(moving, 3):
        expected = slope(lambda at: by_hand(loss, loss, theta | at, *tables, rates), moving, direction)
        along = sum((found[name] * direction[name]).sum() for name in moving)
        assert along.item() == pytest.approx(expected, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("backbone", ["transformer", "gru", "lru"])
def test_second_order_reaches_every_tensor_of_theta(backbone):
    model = encoder(backbone)
    loss, theta = window_loss(model), parameters(model)
    first, second = (
        source_gradient(loss, loss, theta, table(1, 7), table(2, 7), equal_rates(theta, 1, 0.5), second_order=order)
        for order in (False, True)
    )
    same = [name for name in theta if torch.allclose(first.meta[name], second.meta[name], rtol=1e-6, atol=1e-12)]
    assert same == []
