"""Adaptation of a pre-trained core to a target, as pure functions on parameter dicts.

Re-learning takes over the sequence model alone and draws anew what turns features into item vectors, so that nothing
that was learnt about other domains' items stands in the target's way. Paper: ANT, https://arxiv.org/abs/2309.10195;
the table of components is that of its published code, https://github.com/ninglab/ANT, ``finetune.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from recbole_metarec.nn.roles import Role, role_of

# Parameters that a message names.
N_NAMED = 3


class Rule(NamedTuple):
    """How a core is adapted.

    Attributes
    ----------
    taken : frozenset of Role
        Roles of the parameters that are taken from the core; all others are as drawn for the target.
    frozen : frozenset of Role
        Roles of those of them that do not learn on the target.
    needed : frozenset of Role
        Roles of those that core and target must both have.
    """

    taken: frozenset[Role]
    frozen: frozenset[Role]
    needed: frozenset[Role]


_ALL, _NONE = frozenset(Role), frozenset[Role]()
_SEQUENCE_MODEL = frozenset({Role.ENCODER, Role.INPUT})
RULES = {
    "relearn": Rule(taken=_SEQUENCE_MODEL | {Role.VALUES}, frozen=frozenset({Role.ENCODER}), needed=_SEQUENCE_MODEL),
    "finetune": Rule(taken=_ALL, frozen=_NONE, needed=_ALL),
    "frozen": Rule(taken=_ALL, frozen=_ALL, needed=_ALL),
    "scratch": Rule(taken=_NONE, frozen=_NONE, needed=_NONE),
}
"""The ways of adaptation, by name."""


class AdaptedCore(NamedTuple):
    """A core for the target.

    Attributes
    ----------
    parameters : dict of str to Tensor
        Where training on the target starts.
    frozen : frozenset of str
        Names of parameters that do not learn.
    """

    parameters: dict[str, Tensor]
    frozen: frozenset[str]


def adapt(
    drawn: Mapping[str, Tensor], pretrained: Mapping[str, Tensor], roles: Mapping[str, Role], rule: Rule
) -> AdaptedCore:
    """Put a core for the target together.

    Parameters
    ----------
    drawn : mapping of str to Tensor
        Parameters as drawn for the target.
    pretrained : mapping of str to Tensor
        Those of the pre-trained core; of those that the rule does not need it may lack some and have others.
    roles : mapping of str to Role
        Of the parameters; see `role_of`.
    rule : Rule
        What is taken and what is frozen.

    Returns
    -------
    AdaptedCore

    Raises
    ------
    ValueError
        If a parameter that is needed is missing on one side, or one that is to be taken has another shape.
    """
    taken = {name for name in drawn.keys() & pretrained.keys() if role_of(name, roles) in rule.taken}
    needed = {name for name in drawn.keys() | pretrained.keys() if role_of(name, roles) in rule.needed}
    wrong = [
        f"{what} {', '.join(names[:N_NAMED])}{', …' if len(names) > N_NAMED else ''}"
        for what, own in (("lacks", pretrained), ("has, which the model has not,", drawn))
        if (names := sorted(needed - own.keys()))
    ]
    wrong += [
        f"{name}: {tuple(pretrained[name].shape)} in place of {tuple(drawn[name].shape)}"
        for name in sorted(taken)
        if pretrained[name].shape != drawn[name].shape
    ]
    if wrong:
        raise ValueError("; ".join(wrong))
    parameters = {name: (pretrained if name in taken else drawn)[name].detach().clone() for name in drawn}
    return AdaptedCore(parameters, frozenset(name for name in taken if role_of(name, roles) in rule.frozen))
