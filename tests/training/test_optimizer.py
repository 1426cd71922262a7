from __future__ import annotations

import pytest
import torch
from torch import nn

from recbole_metarec.training.optimizer import TableOptimizer, is_lazy, row_gradient


def parameters(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(5, 3, generator=generator)) for _ in range(2)]


def with_gradients(dense, table, seed=1):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.tensor([1, 3])
    dense.grad = torch.randn(5, 3, generator=generator)
    table.grad = row_gradient(table, rows, torch.randn(2, 3, generator=generator))


@pytest.mark.parametrize("learner", ["adam", "adamw", "sgd", "adagrad"])
def test_rows_without_a_gradient_stay_where_they_are_and_others_move_as_if_all_had_one(learner):
    assert is_lazy(learner)
    dense, table = parameters()
    before = table.detach().clone()
    reference = nn.Parameter(before.clone())
    ours = TableOptimizer(learner, [dense], [table], 0.1, 0.0)
    stock = {"adam": "Adam", "adamw": "Adam", "sgd": "SGD", "adagrad": "Adagrad"}
    theirs = getattr(torch.optim, stock[learner])([reference], lr=0.1)
    for seed in range(3):
        with_gradients(dense, table, seed)
        reference.grad = table.grad.to_dense()
        ours.step()
        theirs.step()
    assert torch.equal(table[[0, 2, 4]], before[[0, 2, 4]])
    torch.testing.assert_close(table[[1, 3]], reference[[1, 3]])


def test_clipping_takes_all_gradients_together():
    dense, table = parameters()
    with_gradients(dense, table)
    expected = torch.cat([dense.grad.flatten(), table.grad.to_dense().flatten()])
    before = expected.clone()
    optimizer = TableOptimizer("adamw", [dense], [table], 0.1, 0.0)
    norm = optimizer.clip(0.5)
    torch.testing.assert_close(norm, before.norm())
    after = torch.cat([dense.grad.flatten(), table.grad.to_dense().flatten()])
    torch.testing.assert_close(after, before * 0.5 / before.norm(), atol=1e-5, rtol=1e-4)
    optimizer.clip(torch.inf)
    torch.testing.assert_close(torch.cat([dense.grad.flatten(), table.grad.to_dense().flatten()]), after)


def test_state_goes_on_where_it_was():
    found = []
    for interrupted in (False, True):
        dense, table = parameters()
        optimizer = TableOptimizer("adamw", [dense], [table], 0.1, 0.01)
        for seed in range(4):
            if interrupted and seed == 2:
                state = optimizer.state_dict()
                optimizer = TableOptimizer("adamw", [dense], [table], 0.1, 0.01)
                optimizer.load_state_dict(state)
            with_gradients(dense, table, seed)
            optimizer.step()
        found.append((dense, table))
    for once, again in zip(*found, strict=True):
        assert torch.equal(once, again)


@pytest.mark.parametrize("lies_across", [False, True])
@pytest.mark.parametrize("learner", ["adam", "adamw", "sgd", "adagrad", "rmsprop"])
def test_dense_parameters_move_as_with_torch(learner, lies_across):
    dense, _ = parameters()
    reference = nn.Parameter(dense.detach().clone())
    names = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop"}
    theirs = getattr(torch.optim, names[learner])([reference], lr=0.1, weight_decay=0.01)
    ours = TableOptimizer(learner, [dense], [], 0.1, 0.01)
    for seed in range(3):
        reference.grad = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
        dense.grad = reference.grad.T.contiguous().T if lies_across else reference.grad.clone()
        ours.step()
        theirs.step()
    torch.testing.assert_close(dense, reference)
