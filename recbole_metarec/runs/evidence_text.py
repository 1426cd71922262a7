"""What a run says of its evidence that knows the clock: who taught its weights, what it was worth, when it counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from tabulate import tabulate

from recbole_metarec.evaluation.wording import percent
from recbole_metarec.evidence.situations import trust
from recbole_metarec.evidence.weights import MODEL
from recbole_metarec.evidence.worth import GROUPS

# What is said of evidence: its name, and whether that is one thing.
_SUBJECTS = {
    "transitions": ("Transitions", False),
    "counts of the last days": ("Counts of the last days", False),
    "popularity": ("Popularity", True),
    MODEL: ("The model's score", True),
}
_PAIRS = [("same day", "after a month"), ("after 2 items", "after 20 items")]
# Where it counts more, and where less.
_WHERE = {
    ("same day", "after a month"): "on the day of the last item as a month later",
    ("after a month", "same day"): "a month after the last item as on its day",
    ("after 2 items", "after 20 items"): "after a history of 2 items as after one of 20",
    ("after 20 items", "after 2 items"): "after a history of 20 items as after one of 2",
}
_FEWEST_TIMES, _LEAST_TRUST, _SENTENCES = 1.25, 0.25, 2
_SIGMAS = 1.96
# The largest say of a source, in terms of the smallest, up to which they are not ranked.
_ALIKE = 2.0


class Shift(NamedTuple):
    """How much more some evidence counts in one situation than in another.

    Attributes
    ----------
    group : str
        One of `recbole_metarec.evidence.worth.GROUPS`.
    more, less : str
        The situations.
    times : float
        At least 1.
    """

    group: str
    more: str
    less: str
    times: float


def evidence_text(label: str, evidence: Mapping[str, Any], style: str = "simple") -> str:
    """Lay out what is known of a run's evidence; see `recbole_metarec.evidence.learning.Learnt.plain`.

    Parameters
    ----------
    label : str
        Of the run.
    evidence : mapping
    style : str
        Of tables, as ``tabulate`` names it.

    Returns
    -------
    str
    """
    said = "\n".join(say_shifts(evidence))
    return "\n\n".join(part for part in (f"{label}: {say_taught(evidence)}", _worth(evidence, style), said) if part)


def say_taught(evidence: Mapping[str, Any]) -> str:
    """Say what weights were learnt on."""
    pulls = {name: source["pull"] for name, source in evidence["sources"].items()}
    ranked = sorted(pulls.items(), key=lambda pair: -pair[1])
    sources = ", ".join(f"{name} ({pull:.0%})" for name, pull in ranked)
    if len(pulls) > 1 and ranked[0][1] < _ALIKE * ranked[-1][1]:
        sources = f"{', '.join(pulls)} (about alike, {ranked[-1][1]:.0%} to {ranked[0][1]:.0%} each)"
    target = f"{evidence['n_rows']:,} interactions of the target" if evidence["n_rows"] else ""
    steps = ", then on ".join(filter(None, (sources, target)))
    return f"weights of evidence learnt on {steps}" if steps else "of evidence only transitions and popularity count"


def say_rows(evidence: Mapping[str, Any]) -> str:
    """Say on how many rows of what it was measured what evidence was worth."""
    part = "validation" if MODEL in evidence["kinds"] else "the training part"
    return f"{evidence['worth']['n_rows']:,} later interactions of {part}"


def say_worth(evidence: Mapping[str, Any]) -> list[str]:
    """Say what all evidence finds, and what the memory of transitions does, if it was measured."""
    worth = evidence["worth"]
    if worth is None:
        return []
    alone = f"transitions and popularity alone {worth['memory']:.4f}"
    return [f"NDCG@10 on {say_rows(evidence)}: {worth['ndcg']:.4f} with all evidence, with {alone}."]


def _worth(evidence: Mapping[str, Any], style: str) -> str:
    worth = evidence["worth"]
    if worth is None:
        return ""
    ndcg, memory, losses = worth["ndcg"], worth["memory"], worth["losses"]
    rows = [["all evidence", f"{ndcg:.4f}", "", ""]]
    for name, loss in sorted(losses.items(), key=lambda pair: -pair[1]):
        low, high = bounds(loss, worth["errors"][name])
        interval = f"{percent(-high)} to {percent(-low)}"
        left_out = "the model's score" if name == MODEL else name
        rows.append([f"without {left_out}", f"{ndcg * (1 - loss):.4f}", percent(-loss), interval])
    rows.append(["transitions and popularity alone", f"{memory:.4f}", percent(memory / ndcg - 1), ""])
    header = [f"on {say_rows(evidence)}", "NDCG@10", "change", "95% interval"]
    return tabulate(rows, header, style, disable_numparse=True)


def bounds(loss: float, error: float) -> tuple[float, float]:
    """Return the 95% interval of a loss, given its standard error."""
    return loss - _SIGMAS * error, loss + _SIGMAS * error


def say_shifts(evidence: Mapping[str, Any]) -> list[str]:
    """Say when which evidence counts more; two sentences at most."""
    return [_say(shift) for shift in shifts(evidence)[:_SENTENCES]]


def shifts(evidence: Mapping[str, Any]) -> list[Shift]:
    """Compare what evidence counts in situations; the largest differences first, small ones left out."""
    found = []
    for first, second in _PAIRS:
        if not {first, second} <= evidence["situations"].keys():
            continue
        at_first, at_second = (_of_groups(evidence, name) for name in (first, second))
        for group in at_first:
            low, high = sorted((at_first[group], at_second[group]))
            if low >= _LEAST_TRUST and high >= _FEWEST_TIMES * low:
                rises = at_second[group] == high
                more, less = (second, first) if rises else (first, second)
                found.append(Shift(group, more, less, high / low))
    return sorted(found, key=lambda shift: -math.log(shift.times))


def _of_groups(evidence: Mapping[str, Any], situation: str) -> dict[str, float]:
    """Return what evidence counts in a situation; counts of an item that was had in the last days alone."""
    of_kinds = dict(zip(evidence["kinds"], trust(evidence["weights"], evidence["situations"][situation]), strict=True))
    groups = {name: GROUPS[name] if name.startswith("counts") else GROUPS[name][:1] for name in _SUBJECTS}
    return {name: sum(of_kinds[kind] for kind in kinds) for name, kinds in groups.items() if kinds[0] in of_kinds}


def _say(shift: Shift) -> str:
    subject, is_one = _SUBJECTS[shift.group]
    where = _WHERE[shift.more, shift.less]
    return f"{subject} {'weighs' if is_one else 'weigh'} {shift.times:.1f} times as much {where}."
