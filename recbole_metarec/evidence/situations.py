"""Situations in which people ask, to say of weights what they trust when."""

# Shapes: N rows, C kinds of context.

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from recbole_metarec.evidence.kinds import CONTEXT

DAYS_SINCE = {"same day": 0, "after a week": 7, "after a month": 30, "after a year": 365}
"""Situations by the days since the user's last item."""

LENGTHS = {"after 2 items": 2, "after 20 items": 20}
"""Situations by the length of the user's history."""


def situations(context_NC: Tensor) -> dict[str, list[float]]:
    """Return the context of each situation, all that it does not name as in the mean of some requests.

    Parameters
    ----------
    context_NC : Tensor, shape (N, C)
        Of the requests; see `recbole_metarec.evidence.timed.CONTEXT`.

    Returns
    -------
    dict of str to list of float
        By name, C values each; empty without requests.
    """
    if not len(context_NC):
        return {}
    usual = dict(zip(CONTEXT, context_NC.mean(0).tolist(), strict=True))
    named = {name: {"gap": math.log1p(days) / 3, "same day": float(days == 0)} for name, days in DAYS_SINCE.items()}
    named |= {name: {"long history": math.log(length) / 3} for name, length in LENGTHS.items()}
    return {name: list({**usual, **values}.values()) for name, values in named.items()}


def trust(weights: Sequence[Sequence[float]], context: Sequence[float]) -> list[float]:
    """Return what each kind of evidence counts in a context: its weights times that.

    Parameters
    ----------
    weights : sequence of sequence of float
        Of each kind of evidence, in each kind of context.
    context : sequence of float

    Returns
    -------
    list of float
        For each kind of evidence.
    """
    return [sum(weight * value for weight, value in zip(of_kind, context, strict=True)) for of_kind in weights]


def occurs(kind: str, situation: str) -> bool:
    """Whether there can be evidence of a kind in a situation; what goes together on one day needs an item of it."""
    return kind != "same day" or not DAYS_SINCE.get(situation, 0)
