from __future__ import annotations

import pytest
import torch

from recbole_metarec.nn.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.73])
def test_elements_are_kept_with_their_probability_and_the_mean_stays(p):
    torch.manual_seed(0)
    x = torch.ones(1001, 999)
    dropped = Dropout(p)(x)
    kept = (dropped > 0).double().mean()
    assert float(kept) == pytest.approx(1 - p, abs=0.003)
    assert float(dropped.double().mean()) == pytest.approx(1, abs=0.006)
    assert dropped.unique().numel() == 2


def test_elements_are_dropped_independently_of_their_neighbours():
    torch.manual_seed(0)
    kept = Dropout(0.5)(torch.ones(200_000)).view(-1, 8) > 0
    pairs = torch.corrcoef(kept.T.double()) - torch.eye(8)
    assert pairs.abs().max() < 0.03


def test_the_gradient_is_dropped_alike():
    x = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    out = Dropout(0.4)(x)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient * x, out)
    assert gradient.dtype == torch.float64


def test_evaluation_and_p_of_zero_change_nothing_and_p_of_one_leaves_nothing():
    x = torch.randn(3, 3)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert not Dropout(1.0)(x).any()


def test_a_seed_fixes_the_mask():
    x = torch.ones(1000)
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(Dropout(0.5)(x))
    assert torch.equal(*drawn)
    assert not torch.equal(drawn[0], Dropout(0.5)(x))
