"""Meta transfer as pure functions on parameter dicts.

Several sources, one target: each source moves the shared parameters a few inner steps, the target's loss there gives
its meta gradient, and the meta gradients are summed with weights that grow with source-target similarity.

Papers: MetaRec, https://arxiv.org/abs/2411.01785; its rescaled meta gradients follow MetaAdapt,
https://arxiv.org/abs/2305.12692 (eqs. 4 to 7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Parameters = dict[str, Tensor]
Rates = Mapping[str, Tensor]
Loss = Callable[[Mapping[str, Tensor], Tensor], Tensor]
Scope = Literal["global", "tensor"]
Total = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""Adds up tensors over the processes that have parts of the losses, differentiably; `list` for one by itself.

Losses and gradients by theta become whole. Gradients by tables and rates, of which nothing is made on the way, stay the
parts that a process has.
"""


class Adapted(NamedTuple):
    """Where the inner steps lead.

    Attributes
    ----------
    phi : dict of str to Tensor
        Adapted parameters, a differentiable function of theta and of the rates.
    gradient : dict of str to Tensor
        Mean of the inner gradients by theta, detached: where the source itself wants theta to go.
    table : Tensor
        Gradient of the first inner loss by the source's item table, detached.
    """

    phi: Parameters
    gradient: Parameters
    table: Tensor


def inner_steps(
    loss: Loss,
    theta: Mapping[str, Tensor],
    table: Tensor,
    rates: Sequence[Rates],
    second_order: bool,
    total: Total = list,
) -> Adapted:
    """Take gradient steps on one source: ``phi <- phi - alpha_k * grad loss(phi)``, K times.

    In first order the gradients inside count as constants: the derivative of phi by theta is the identity, the one by
    a rate is minus its step's gradient.

    Parameters
    ----------
    loss : callable
        The source's loss as a function of the shared parameters and of the source's item table.
    theta : mapping of str to Tensor
        Shared parameters, requiring gradients.
    table : Tensor
        The source's item table, requiring gradients; the inner steps leave it where it is.
    rates : sequence of mapping of str to Tensor
        Inner learning rate of each parameter (a scalar tensor), one mapping for each of the K >= 1 steps.
    second_order : bool
        Differentiate through the inner gradients, too.
    total : callable
        See `Total`.

    Returns
    -------
    Adapted
    """
    phi = dict(theta)
    history = []
    for rate in rates:
        wanted = [*phi.values(), table]
        found = torch.autograd.grad(loss(phi, table), wanted, create_graph=second_order, allow_unused=True)
        *by_phi, by_table = (torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found, strict=True))
        history.append([*total(by_phi), by_table])
        phi = {name: phi[name] - rate[name] * g for name, g in zip(phi, history[-1], strict=False)}
    by_theta = [[g.detach() for g in step[:-1]] for step in history]
    mean = weighted_sum(by_theta, torch.full((len(rates),), 1 / len(rates), device=table.device))
    return Adapted(phi, dict(zip(theta, mean, strict=True)), history[0][-1].detach())


def similarity(displacement: Mapping[str, Tensor], gradient: Mapping[str, Tensor], scope: Scope = "global") -> Tensor:
    """Cosine of a source's displacement ``theta - phi`` and its meta gradient.

    Positive when the source's descent agrees with the target's. (MetaAdapt's public code takes ``phi - theta``, which
    gives the most alike source the smallest weight.)

    Parameters
    ----------
    displacement, gradient : mapping of str to Tensor
        With the same keys and shapes.
    scope : {"global", "tensor"}
        One cosine over all parameters joined, or the mean of one cosine for each tensor (MetaAdapt).

    Returns
    -------
    Tensor, scalar
        Between -1 and 1; 0 where either is zero.
    """
    pairs = [(displacement[name].flatten(), gradient[name].flatten()) for name in gradient]
    if scope == "global":
        pairs = [(torch.cat([d for d, _ in pairs]), torch.cat([g for _, g in pairs]))]
    return torch.stack([torch.cosine_similarity(d, g, dim=0, eps=1e-20) for d, g in pairs]).mean()


def source_weights(similarities: Tensor, temperature: float) -> Tensor:
    """Turn similarities into source weights: ``softmax(s / tau)``.

    Parameters
    ----------
    similarities : Tensor, shape (S,)
        One for each source.
    temperature : float
        tau > 0; ``inf`` weighs all sources alike (MAML).

    Returns
    -------
    Tensor, shape (S,)
        Non-negative, sum 1.
    """
    return torch.softmax(similarities / temperature, 0)


def weighted_sum(parts: Sequence[Sequence[Tensor]], weights: Tensor) -> list[Tensor]:
    """Sum lists of tensors, one tensor after the other.

    Parameters
    ----------
    parts : sequence of S sequences of Tensor
        Alike in number and shapes.
    weights : Tensor, shape (S,)
        Weight of each list.

    Returns
    -------
    list of Tensor
    """
    total = [torch.zeros_like(tensor) for tensor in parts[0]]
    for tensors, weight in zip(parts, weights, strict=True):
        torch._foreach_add_(total, torch._foreach_mul(list(tensors), weight.to(total[0].dtype)))
    return total


class SourceGradient(NamedTuple):
    """What one source contributes to a meta step.

    Attributes
    ----------
    meta : dict of str to Tensor
        Meta gradient: the target's loss at phi, differentiated by theta.
    source : dict of str to Tensor
        Mean of the source's own inner gradients.
    source_table : Tensor
        Gradient of the source's loss by its own item table.
    table : Tensor
        The target's loss at phi, differentiated by the target's item table.
    rates : dict of str to Tensor
        The target's loss at phi, differentiated by the inner rates, named ``"k.parameter"``; empty if they are fixed.
    similarity : Tensor, scalar
        See `similarity`.
    loss : Tensor, scalar
        The target's loss at phi.
    """

    meta: Parameters
    source: Parameters
    source_table: Tensor
    table: Tensor
    rates: Parameters
    similarity: Tensor
    loss: Tensor


def source_gradient(
    source_loss: Loss,
    target_loss: Loss,
    theta: Mapping[str, Tensor],
    source_table: Tensor,
    table: Tensor,
    rates: Sequence[Rates],
    *,
    second_order: bool = False,
    scope: Scope = "global",
    total: Total = list,
) -> SourceGradient:
    """Run the inner steps of one source and differentiate the target's loss behind them.

    Parameters
    ----------
    source_loss, target_loss : callable
        Loss of the source's and of the target's batch as a function of theta and of the domain's item table.
    theta : mapping of str to Tensor
        Shared parameters, requiring gradients.
    source_table, table : Tensor
        Item tables of the source and of the target, requiring gradients.
    rates : sequence of mapping of str to Tensor
        Inner rates of each step and parameter; those that require gradients get one.
    second_order : bool
        See `inner_steps`.
    scope : {"global", "tensor"}
        See `similarity`.
    total : callable
        See `Total`.

    Returns
    -------
    SourceGradient
        All detached.
    """
    phi, source, source_table_gradient = inner_steps(source_loss, theta, source_table, rates, second_order, total)
    loss = target_loss(phi, table)
    learnt = {f"{k}.{name}": rate[name] for k, rate in enumerate(rates) for name in theta if rate[name].requires_grad}
    wanted = [*theta.values(), table, *learnt.values()]
    found = torch.autograd.grad(loss, wanted, allow_unused=True)
    gradients = [torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found, strict=True)]
    whole_loss, *by_theta = total([loss.detach(), *gradients[: len(theta)]])
    meta = dict(zip(theta, by_theta, strict=True))
    displacement = {name: (theta[name] - phi[name]).detach() for name in theta}
    return SourceGradient(
        meta=meta,
        source=source,
        source_table=source_table_gradient,
        table=gradients[len(theta)],
        rates=dict(zip(learnt, gradients[len(theta) + 1 :], strict=True)),
        similarity=similarity(displacement, meta, scope),
        loss=whole_loss,
    )


Weighting = Callable[[Sequence[SourceGradient], Tensor, float], Tensor]
"""Weights of the sources, shape (S,), from what each contributes, their smoothed similarities and a temperature."""


def by_similarity(gradients: Sequence[SourceGradient], similarities: Tensor, temperature: float) -> Tensor:
    """Weigh sources by how much their steps agree with the target; see `source_weights`."""
    return source_weights(similarities, temperature)


def alike(gradients: Sequence[SourceGradient], similarities: Tensor, temperature: float) -> Tensor:
    """Weigh all sources alike, as MAML does."""
    return torch.full_like(similarities, 1 / len(similarities))


WEIGHTINGS: dict[str, Weighting] = {"similarity": by_similarity, "alike": alike}
"""Every weighting of sources by its name in the settings. Others may be added."""


class MetaGradient(NamedTuple):
    """The weighted sum over all sources.

    Attributes
    ----------
    theta : dict of str to Tensor
        Gradient for the shared parameters.
    table : Tensor
        Gradient for the target's item table.
    rates : dict of str to Tensor
        Gradient for learnt inner rates.
    weights : Tensor, shape (S,)
        Source weights.
    similarities : Tensor, shape (S,)
        Similarities behind the weights.
    loss : Tensor, scalar
        Weighted target loss.
    """

    theta: Parameters
    table: Tensor
    rates: Parameters
    weights: Tensor
    similarities: Tensor
    loss: Tensor


def combine(
    gradients: Sequence[SourceGradient],
    similarities: Tensor,
    *,
    temperature: float,
    source_share: float = 0.0,
    weighting: Weighting = by_similarity,
) -> MetaGradient:
    """Rescale and sum the gradients of all sources.

    Parameters
    ----------
    gradients : sequence of SourceGradient
        One for each of the S sources.
    similarities : Tensor, shape (S,)
        What the weights are made of; usually those of the gradients, smoothed over steps.
    temperature : float
        See `source_weights`.
    source_share : float
        How much of the sources' own weighted gradients is added to the meta gradient; 0 is MAML's outer step.
    weighting : callable
        See `Weighting`.

    Returns
    -------
    MetaGradient
    """
    weights = weighting(gradients, similarities, temperature)
    table, loss, *rest = weighted_sum(
        [[g.table, g.loss, *g.meta.values(), *g.rates.values()] for g in gradients], weights
    )
    first = gradients[0]
    theta = dict(zip(first.meta, rest, strict=False))
    if source_share:
        own = weighted_sum([[g.source[name] for name in theta] for g in gradients], weights)
        theta = {name: theta[name] + source_share * g for name, g in zip(theta, own, strict=True)}
    return MetaGradient(
        theta=theta,
        table=table,
        rates=dict(zip(first.rates, rest[len(theta) :], strict=True)),
        weights=weights,
        similarities=similarities,
        loss=loss,
    )
