from __future__ import annotations

import pytest
import torch
from backbones import make_backbone
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.nn.backbones import BACKBONES
from recbole_metarec.nn.backbones.lru import _LinearRecurrence, _scan

WIDTH, LENGTH = 8, 9


def backbone(name, dropout=0.0, layers=2, width=WIDTH):
    torch.manual_seed(0)
    return make_backbone(
        name,
        width=width,
        layers=layers,
        heads=2,
        inner_width=12,
        dropout=dropout,
        attention_dropout=dropout,
        max_length=LENGTH,
    ).double()


def inputs(seed=1, batch=3, length=LENGTH):
    return torch.randn(batch, length, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("twice_differentiable", [False, True])
@pytest.mark.parametrize("place", [0, 1, 4, LENGTH - 1])
def test_an_input_changes_its_own_and_later_states_and_no_earlier_one(name, twice_differentiable, place):
    model, x = backbone(name).eval(), inputs()
    changed = x.clone()
    changed[:, place] = inputs(seed=2)[:, place]
    before, after = (model(each, twice_differentiable=twice_differentiable) for each in (x, changed))
    torch.testing.assert_close(after[:, :place], before[:, :place], rtol=0, atol=1e-12)
    assert ((after - before)[:, place:].abs().amax(-1) > 1e-9).all()


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("length", [1, 2, 5, LENGTH])
def test_operations_that_can_be_exported_compute_the_same_without_complex_numbers(name, length, monkeypatch):
    model, x = backbone(name).eval(), inputs(length=length)
    expected, exportable = model(x), model.exportable(LENGTH)
    monkeypatch.delattr(torch, "complex")
    torch.testing.assert_close(exportable(x), expected)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_longer_right_padding_leaves_real_states_unchanged(name, length):
    model, x = backbone(name).eval(), inputs(length=length)
    expected = model(x)
    padding = 100 * inputs(seed=2, length=LENGTH - length)
    torch.testing.assert_close(model(torch.cat([x, padding], 1))[:, :length], expected)


@pytest.mark.parametrize("name", BACKBONES)
def test_sequences_do_not_see_each_other(name):
    model, x = backbone(name).eval(), inputs(batch=5)
    expected = model(x)
    torch.testing.assert_close(torch.cat([model(x[:2]), model(x[2:])]), expected)
    torch.testing.assert_close(model(x.flip(0)).flip(0), expected)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("training", [False, True])
def test_operations_with_a_second_derivative_compute_the_same(name, training):
    model, x = backbone(name).train(training), inputs()
    torch.testing.assert_close(model(x, twice_differentiable=True), model(x))


@pytest.mark.parametrize("name", BACKBONES)
def test_dropout_is_off_in_evaluation_and_on_in_training(name):
    model, x = backbone(name, dropout=0.5), inputs()
    model.eval()
    assert torch.equal(model(x), model(x))
    torch.testing.assert_close(model(x), backbone(name).eval()(x))
    model.train()
    assert not torch.allclose(model(x), model(x))


@pytest.mark.parametrize("name", BACKBONES)
def test_every_parameter_gets_a_gradient(name):
    model = backbone(name)
    (model(inputs()) * inputs(seed=3)).sum().backward()
    assert [key for key, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


@pytest.mark.parametrize("name", BACKBONES)
def test_second_derivatives_are_those_of_finite_differences(name):
    model = backbone(name, layers=1)
    x = inputs(batch=1, length=3).requires_grad_()

    def encode(x):
        return model(x, twice_differentiable=True)

    torch.autograd.gradgradcheck(encode, (x,), fast_mode=True)


@pytest.mark.parametrize("twice_differentiable", [False, True])
def test_cudnn_whose_recurrence_has_no_second_derivative_is_off_for_second_derivatives_alone(twice_differentiable):
    model, seen = backbone("gru"), []
    model.gru.register_forward_pre_hook(lambda *_: seen.append(torch.backends.cudnn.enabled))
    model(inputs(), twice_differentiable=twice_differentiable)
    assert seen == [not twice_differentiable]
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize("name", BACKBONES)
def test_the_order_of_a_sequence_matters(name):
    model, x = backbone(name).eval(), inputs()
    swapped = x[:, [1, 0, *range(2, LENGTH)]]
    assert not torch.allclose(model(x)[:, -1], model(swapped)[:, -1])


@pytest.mark.parametrize("name", ["sasrec", "Transformer", ""])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match="transformer, gru, lru") as caught:
        backbone(name)
    assert repr(name) in str(caught.value)


def test_a_sequence_longer_than_the_transformers_positions_is_refused():
    with pytest.raises(RuntimeError):
        backbone("transformer")(inputs(length=LENGTH + 1))


# The linear recurrence -----------------------------------------------------------------------------------------------


def complex_inputs(length, state=4, batch=2):
    generator = torch.Generator().manual_seed(length)
    u = torch.randn(batch, length, state, generator=generator, dtype=torch.complex128)
    angle = 6.28 * torch.rand(state, generator=generator, dtype=torch.float64)
    return u, torch.complex(-torch.rand(state, generator=generator, dtype=torch.float64), angle)


def sequential(u, log_lambda):
    states = [u[:, 0]]
    for place in range(1, u.shape[1]):
        states.append(log_lambda.exp() * states[-1] + u[:, place])
    return torch.stack(states, 1)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 70))
def test_the_scan_is_the_recurrence_one_step_after_the_other(length):
    u, log_lambda = complex_inputs(length)
    torch.testing.assert_close(_scan(u, log_lambda), sequential(u, log_lambda), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13])
def test_the_scans_gradients_are_those_of_the_recurrence(length):
    found, expected = [], []
    for solve, gradients in ((_scan, found), (sequential, expected)):
        u, log_lambda = (x.requires_grad_() for x in complex_inputs(length))
        gradients += torch.autograd.grad(solve(u, log_lambda).abs().sum() + 0 * log_lambda.abs().sum(), (u, log_lambda))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_new_recurrences_forget_within_the_ring_and_keep_the_states_variance():
    torch.manual_seed(0)
    layer = _LinearRecurrence(WIDTH, 2000, ring=(0.8, 0.99))
    modulus = torch.exp(-layer.nu_log.exp())
    assert modulus.min() >= 0.8 - 1e-5
    assert modulus.max() <= 0.99 + 1e-5
    # the variance of sum_l lambda^l gamma u is gamma^2 / (1 - |lambda|^2)
    torch.testing.assert_close((2 * layer.gamma_log).exp(), 1 - modulus.square(), rtol=1e-3, atol=1e-5)


def test_a_recurrence_is_its_sequential_formula():
    torch.manual_seed(0)
    layer, x = _LinearRecurrence(WIDTH, 5).double(), inputs()
    real, imaginary = layer.b_in(x).chunk(2, -1)
    u = layer.gamma_log.exp() * (real + 1j * imaginary)
    h = sequential(u, -layer.nu_log.exp() + 1j * layer.theta_log.exp())
    torch.testing.assert_close(layer(x), layer.c_out(torch.cat([h.real, h.imag], -1)))


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("layers", [1, 2])
def test_the_state_at_one_position_is_that_of_the_whole_sequence(name, layers):
    module, x = backbone(name, layers=layers).eval(), inputs()
    place = torch.tensor([0, LENGTH - 1, 2])
    torch.testing.assert_close(module.at(x, place), module(x)[torch.arange(3), place])


@pytest.mark.parametrize("length", [1, 4, LENGTH])
def test_positions_from_the_end_are_those_of_a_sequence_that_ends_the_longest(length):
    torch.manual_seed(0)
    sizes = {"width": WIDTH, "layers": 2, "heads": 2, "inner_width": 12, "dropout": 0.0, "attention_dropout": 0.0}
    module = make_backbone("transformer", **sizes, max_length=LENGTH, from_end=True).double().eval()
    stock = make_backbone("transformer", **sizes, max_length=length).double().eval()
    state = {**module.state_dict(), "position": module.position[LENGTH - length :]}
    stock.load_state_dict(state)
    x = inputs()
    lengths = torch.tensor([length] * 3)
    found = module(x, lengths)[:, :length]
    torch.testing.assert_close(found, stock(x[:, :length]))
    torch.testing.assert_close(module(x[:, :length]), found)
    torch.testing.assert_close(module.at(x, lengths - 1), found[:, -1])


def test_positions_from_the_end_follow_each_sequences_own_length():
    torch.manual_seed(0)
    sizes = {"width": WIDTH, "layers": 1, "heads": 2, "inner_width": 12, "dropout": 0.0, "attention_dropout": 0.0}
    module, x = make_backbone("transformer", **sizes, max_length=LENGTH, from_end=True).double().eval(), inputs()
    lengths = torch.tensor([2, 5, LENGTH])
    together = module(x, lengths)
    for n, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(together[n, :length], module(x[n : n + 1, :length])[0])
