"""Optimizers: one for dense gradients, a lazy one for tables of which a step touches few rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn.utils import get_total_norm

_DENSE: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": optim.SGD,
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
}
# Those that leave rows without a gradient alone: time and memory traffic of a step do not grow with the table.
_LAZY: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.SparseAdam,
    "adamw": optim.SparseAdam,
    "sgd": optim.SGD,
    "adagrad": optim.Adagrad,
}
_FUSED = ("adam", "adamw", "sgd", "adagrad")


def is_lazy(learner: str) -> bool:
    """Whether an optimizer has a form that updates the rows of a sparse gradient alone."""
    return learner in _LAZY


class TableOptimizer:
    """An optimizer for shared parameters and tables; `torch.optim.Optimizer` as far as a trainer needs it.

    Parameters
    ----------
    learner : str
        RecBole's name of an optimizer.
    dense : sequence of nn.Parameter
        Parameters with dense gradients.
    tables : sequence of nn.Parameter
        Tables with sparse gradients; the learner must be `is_lazy` if there are any.
    learning_rate, weight_decay : float
        Weight decay is for dense parameters alone.
    """

    def __init__(
        self,
        learner: str,
        dense: Sequence[nn.Parameter],
        tables: Sequence[nn.Parameter],
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        self.parameters = [*dense, *tables]
        fused = {"fused": True} if learner in _FUSED else {}
        self.parts: dict[str, optim.Optimizer] = {}
        if dense:
            self.parts["dense"] = _DENSE[learner](dense, lr=learning_rate, weight_decay=weight_decay, **fused)
        if tables:
            self.parts["tables"] = _LAZY[learner](tables, lr=learning_rate)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of all parts."""
        return [group for part in self.parts.values() for group in part.param_groups]

    def set_learning_rate(self, rate: float) -> None:
        """Give all parameters a learning rate."""
        for group in self.param_groups:
            group["lr"] = rate

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for part in self.parts.values():
            part.zero_grad()

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for parameter in self.parameters:
            gradient = parameter.grad
            # torch's fused optimizers read a gradient as if it lay in memory as its parameter does
            if gradient is not None and not gradient.is_sparse and gradient.stride() != parameter.stride():
                parameter.grad = torch.empty_like(parameter).copy_(gradient)
        for part in self.parts.values():
            part.step()

    def gradients(self) -> list[Tensor]:
        """Return the gradients there are, of sparse ones the values."""
        found = [p.grad for p in self.parameters if p.grad is not None]
        return [gradient._values() if gradient.is_sparse else gradient for gradient in found]

    def clip(self, max_norm: float, norm_type: float = 2.0) -> Tensor:
        """Scale all gradients together so that their norm is at most ``max_norm``.

        Parameters
        ----------
        max_norm, norm_type : float
            As of `torch.nn.utils.clip_grad_norm_`, which does not know sparse gradients.

        Returns
        -------
        Tensor, scalar
            The norm before.
        """
        values = self.gradients()
        norm = get_total_norm(values, norm_type)
        torch._foreach_mul_(values, (max_norm / (norm + 1e-6)).clamp(max=1.0))
        return norm

    def state_dict(self) -> dict[str, Any]:
        """Return the state of all parts."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, but for learning rates and other options, which stay as they are.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is of other parameters, or damaged.
        """
        for name, part in self.parts.items():
            options = [{**group} for group in part.param_groups]
            part.load_state_dict(state[name])
            _check_options(part, options)
            for group, known in zip(part.param_groups, options, strict=True):
                group.update(known)
            _check_moments(part)


def _check_options(part: optim.Optimizer, before: list[dict[str, Any]]) -> None:
    for group, known in zip(part.param_groups, before, strict=True):
        for key, value in known.items():
            if isinstance(value, float) and not isinstance(group[key], (int, float)):
                raise TypeError(f"{key} of the optimizer is of type {type(group[key]).__name__}")


def _check_moments(part: optim.Optimizer) -> None:
    for parameter, moments in part.state.items():
        for name, value in moments.items():
            if not isinstance(value, (int, float, Tensor, type(None))):
                raise TypeError(f"{name} of the optimizer is of type {type(value).__name__}")
            if isinstance(value, Tensor) and value.dim() and value.shape != parameter.shape:
                raise ValueError(f"{name} of the optimizer has shape {tuple(value.shape)}")
            if isinstance(value, Tensor) and not value.isfinite().all():
                raise ValueError(f"{name} of the optimizer is not finite")


def row_gradient(table: Tensor, rows_I: Tensor, gradient_ID: Tensor) -> Tensor:
    """Make the sparse gradient of a table from those of some rows.

    Parameters
    ----------
    table : Tensor, shape (n_items + 1, D)
        The table.
    rows_I : LongTensor, shape (I,)
        Distinct rows, in rising order.
    gradient_ID : Tensor, shape (I, D)
        Their gradients.

    Returns
    -------
    sparse Tensor, shape (n_items + 1, D)
    """
    return torch.sparse_coo_tensor(rows_I[None], gradient_ID, table.shape, is_coalesced=True, check_invariants=False)
