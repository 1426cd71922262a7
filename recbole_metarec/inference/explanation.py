"""What the score of an item is made of, as numbers and as a sentence."""

# Shapes: I items (row 0 is padding), K kinds of evidence.

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from recbole_metarec.domains.clock import days
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.kinds import KINDS
from recbole_metarec.evidence.weights import MODEL
from recbole_metarec.evidence.worth import GROUPS
from recbole_metarec.inference.scorer import Scorer

MEMORY, UNSEEN = "transitions", "not yet had"

# What speaks for an item whose score is above that of others by a part.
_FOR = {
    MODEL: "the model expects it here",
    "transitions": "it tends to follow what was had",
    "latent factors": "it goes with what goes with what was had",
    "same day": "it goes together with what was had that day",
    "counts of the last days": "many had it in the last days",
    "popularity": "it is popular",
    "age and last seen": "of how new it is and how lately somebody had it",
    "repeats": "it was had before",
}
_NAMED = 2  # parts, and items of the sequence, in a sentence


class Part(NamedTuple):
    """A part of a score.

    Attributes
    ----------
    name : str
        One of `recbole_metarec.evidence.worth.GROUPS`, or ``not yet had``.
    value : float
        What it adds.
    mean : float
        What it adds to items on average.
    """

    name: str
    value: float
    mean: float

    def plain(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self._asdict()


class Explanation(NamedTuple):
    """What the score of an item is made of.

    Attributes
    ----------
    item_id : str
    score : float
        Minus infinity where the model rules the item out.
    parts : list of Part
        They sum to the score.
    transitions : dict of str to float
        Items of the sequence that lead to this one, each with its share of the transitions.
    sentence : str
        The same in words.
    """

    item_id: str
    score: float
    parts: list[Part]
    transitions: dict[str, float]
    sentence: str

    def plain(self) -> dict[str, Any]:
        """Return it as plain values; JSON knows no infinity, which becomes ``None``."""
        parts = [{key: _finite(value) for key, value in part.plain().items()} for part in self.parts]
        return {**self._asdict(), "score": _finite(self.score), "parts": parts}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


@torch.no_grad()
def parts_of(scorer: Scorer, request: Requests) -> dict[str, Tensor]:
    """Take the scores of all items apart.

    Parameters
    ----------
    scorer : Scorer
    request : Requests
        One.

    Returns
    -------
    dict of str to Tensor, shape (I,)
        By the name of a `Part`; they sum to `Scorer.scores`, but for padding.
    """
    evidence, has_vectors = scorer.evidence, scorer.outputs.shape[1] > 0
    memory_weight, penalty, weighing = evidence.weights
    own_I = scorer.own_scores(request)[0]
    parts: dict[str, Tensor] = {}
    if weighing is not None and evidence.timed is not None:
        weights_KC = weighing.weights
        (asked,) = evidence.timed.ask(request, until=evidence.until)
        trust_K = weights_KC @ asked.context_BC[0]
        weighed_KI = asked.features()[0] * trust_K[: len(KINDS), None]
        if has_vectors and len(weights_KC) > len(KINDS):
            parts[MODEL] = own_I * trust_K[-1]
        for name, group in GROUPS.items():
            kinds = [KINDS.index(kind) for kind in group if kind in KINDS]
            if kinds:
                parts[name] = weighed_KI[kinds].sum(0)
    else:
        alone = evidence.memory is not None and memory_weight == math.inf
        if has_vectors and not alone:
            parts[MODEL] = own_I
        if evidence.memory is not None and memory_weight:
            windows = scorer.windows(request)
            parts |= _of_memory(evidence.memory, windows, 1.0 if alone else memory_weight)
    if penalty:
        repeated_I = torch.zeros(len(scorer.outputs))
        repeated_I[scorer.windows(request)[0][0]] = -penalty
        parts["repeats"] = parts.get("repeats", torch.zeros(())) + repeated_I
    if scorer.first_days is not None and request.at is not None:
        unseen_I = torch.from_numpy(scorer.first_days >= days(request.at)[0])
        parts[UNSEEN] = torch.zeros(len(unseen_I)).masked_fill(unseen_I, -torch.inf)
    return parts


def _of_memory(memory: Any, windows: tuple[Tensor, Tensor], weight: float) -> dict[str, Tensor]:
    """Take the memory apart: popularity, and how much likelier transitions make an item than it."""
    popularity_I = memory.popularity.clamp(min=1e-30).log()
    return {MEMORY: weight * (memory(*windows)[0] - popularity_I), "popularity": weight * popularity_I}


def led_by(scorer: Scorer, request: Requests, item: int) -> dict[int, float]:
    """Return the items of a history that lead to another by transitions, and the share of each, the largest first."""
    history = request.items[request.begin[0] : request.end[0]][::-1]
    evidence = scorer.evidence
    if evidence.timed is not None and evidence.weights.timed is not None:
        shares = evidence.timed.shares_of(request, item)
    elif evidence.memory is not None and evidence.weights.memory_weight:
        window, length = scorer.windows(request)
        shares = evidence.memory.shares_of(window[0, : int(length[0])], item)
    else:
        return {}
    found: dict[int, float] = {}
    for former, share in zip(history.tolist(), np.asarray(shares).tolist(), strict=False):
        if share > 0:
            found[former] = found.get(former, 0.0) + share
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def explain(
    scorer: Scorer, request: Requests, items: Sequence[int], name: Callable[[int], str], say: Callable[[int], str]
) -> list[Explanation]:
    """Explain the scores of items for one request.

    Parameters
    ----------
    scorer : Scorer
    request : Requests
        One.
    items : sequence of int
    name, say : callable
        From the number of an item to its id, and to what it is called in a sentence.

    Returns
    -------
    list of Explanation
        One for each item.
    """
    of_all = parts_of(scorer, request)
    found = []
    for item in items:
        parts = [Part(key, float(part_I[item]), _mean(part_I)) for key, part_I in of_all.items()]
        score = float(torch.stack([part_I[item] for part_I in of_all.values()]).sum()) if of_all else 0.0
        led = led_by(scorer, request, item)
        words = [say(former) for former in led]
        shares = {name(former): share for former, share in led.items()}
        found.append(Explanation(name(item), score, parts, shares, sentence(say(item), score, parts, words)))
    return found


def _mean(part_I: Tensor) -> float:
    own_I = part_I[1:]
    finite = own_I[own_I.isfinite()]
    return float(finite.mean()) if len(finite) else 0.0


def sentence(item: str, score: float, parts: Sequence[Part], led_by: Sequence[str]) -> str:
    """Say why an item stands where it does: by which parts it is most above items on average.

    Parameters
    ----------
    item : str
        What it is called.
    score : float
    parts : sequence of Part
    led_by : sequence of str
        Items of the sequence that lead to it, the one that counts most first.

    Returns
    -------
    str
    """
    if score == -math.inf:
        why = {part.name: part.value for part in parts if part.value == -math.inf}
        return f"{item} is ruled out: {'nobody had it yet' if UNSEEN in why else 'it was had before'}."
    ahead = sorted((part for part in parts if _gain(part) > 0), key=_gain, reverse=True)
    ahead = [part for part in ahead[:_NAMED] if _gain(part) > 0.1 * _gain(ahead[0])]
    behind = min(parts, key=_gain, default=None)
    text = ", and ".join(_reason(part, led_by) for part in ahead)
    against = "" if behind is None or _gain(behind) > -0.5 else f"; {behind.name} speak against it"
    if behind is not None and behind.name in ("popularity", "same day", MODEL):
        against = against.replace("speak", "speaks")
    return f"{item}: {text}{against}." if text else f"{item}: nothing speaks for it more than for others{against}."


def _gain(part: Part) -> float:
    return part.value - part.mean


def _reason(part: Part, led_by: Sequence[str]) -> str:
    if part.name == "transitions" and led_by:
        return f"it tends to follow {' and '.join(led_by[:_NAMED])}"
    return _FOR[part.name]
