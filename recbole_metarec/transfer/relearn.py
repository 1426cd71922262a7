"""Adaptation of a pre-trained core to a target, as pure functions on parameter dicts.

Re-learning takes over the sequence model alone and draws anew what turns features into item vectors, so that nothing
that was learnt about other domains' items stands in the target's way. Paper: ANT, https://arxiv.org/abs/2309.10195;
the table of components is that of its published code, https://github.com/ninglab/ANT, ``finetune.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

# Names of a core's parameters. What is not among them (positions, experts, gates) is part of no rule but `finetune`.
ENCODER = r"backbone\.(?!position$|norm\.).*"
INPUT_NORM = r"backbone\.norm\..*"
# The bias of the experts for prices stays, as in the published code.
PRICES = r"adapter\.(price\..*|experts\.price\.bias)"

# Parameters that a message names.
N_NAMED = 3


class Rule(NamedTuple):
    """How a core is adapted.

    Attributes
    ----------
    taken : str
        Pattern of the names of parameters that are taken from the core; all others are as drawn for the target.
    frozen : str
        Pattern of those of them that do not learn on the target.
    needed : str
        Pattern of those that core and target must both have.
    """

    taken: str
    frozen: str
    needed: str


NOTHING, ALL = r"(?!)", r".*"
SEQUENCE_MODEL = f"{ENCODER}|{INPUT_NORM}"
RULES = {
    # whether there are prices is the domains' own affair
    "relearn": Rule(taken=f"{SEQUENCE_MODEL}|{PRICES}", frozen=ENCODER, needed=SEQUENCE_MODEL),
    "finetune": Rule(taken=ALL, frozen=NOTHING, needed=ALL),
    "frozen": Rule(taken=ALL, frozen=ALL, needed=ALL),
    "scratch": Rule(taken=NOTHING, frozen=NOTHING, needed=NOTHING),
}


class Adapted(NamedTuple):
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


def adapt(drawn: Mapping[str, Tensor], pretrained: Mapping[str, Tensor], rule: Rule) -> Adapted:
    """Put a core for the target together.

    Parameters
    ----------
    drawn : mapping of str to Tensor
        Parameters as drawn for the target.
    pretrained : mapping of str to Tensor
        Those of the pre-trained core; of those that the rule does not need it may lack some and have others.
    rule : Rule
        What is taken and what is frozen.

    Returns
    -------
    Adapted

    Raises
    ------
    ValueError
        If a parameter that is needed is missing on one side, or one that is to be taken has another shape.
    """
    taken = {name for name in drawn.keys() & pretrained.keys() if re.fullmatch(rule.taken, name)}
    needed = {name for name in drawn.keys() | pretrained.keys() if re.fullmatch(rule.needed, name)}
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
    return Adapted(parameters, frozenset(name for name in taken if re.fullmatch(rule.frozen, name)))
