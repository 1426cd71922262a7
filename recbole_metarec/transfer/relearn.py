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


class Rule(NamedTuple):
    """How a core is adapted.

    Attributes
    ----------
    taken : str
        Pattern of the names of parameters that are taken from the core; all others are as drawn for the target.
    frozen : str
        Pattern of those of them that do not learn on the target.
    """

    taken: str
    frozen: str


NOTHING, ALL = r"(?!)", r".*"
RULES = {
    "relearn": Rule(taken=f"{ENCODER}|{INPUT_NORM}|{PRICES}", frozen=ENCODER),
    "finetune": Rule(taken=ALL, frozen=NOTHING),
    "frozen": Rule(taken=ALL, frozen=ALL),
    "scratch": Rule(taken=NOTHING, frozen=NOTHING),
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
        Those of the pre-trained core; it may lack some and have others.
    rule : Rule
        What is taken and what is frozen.

    Returns
    -------
    Adapted

    Raises
    ------
    ValueError
        If a parameter that is to be taken has another shape: all of them.
    """
    taken = {name for name in drawn.keys() & pretrained.keys() if re.fullmatch(rule.taken, name)}
    wrong = [
        f"{name}: {tuple(pretrained[name].shape)} in place of {tuple(drawn[name].shape)}"
        for name in sorted(taken)
        if pretrained[name].shape != drawn[name].shape
    ]
    if wrong:
        raise ValueError("; ".join(wrong))
    parameters = {name: (pretrained if name in taken else drawn)[name].detach().clone() for name in drawn}
    return Adapted(parameters, frozenset(name for name in taken if re.fullmatch(rule.frozen, name)))
