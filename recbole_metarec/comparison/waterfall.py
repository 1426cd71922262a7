"""Where a result comes from: what each part of a model adds to what was there before, as far as it was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recbole_metarec.comparison.alignment import Alignment
from recbole_metarec.comparison.effects import Effect
from recbole_metarec.comparison.labels import beside
from recbole_metarec.models.evidence import SPEC as EVIDENCE
from recbole_metarec.models.memory import SPEC as MEMORY


@dataclass(frozen=True)
class Step:
    """A model that has a part more than the one before it.

    Attributes
    ----------
    part : str
        What it adds.
    label : str
        The entry that has it.
    mean : float
        Its metric.
    effect : Effect or None
        Against the entry before; ``None`` for the first.
    """

    part: str
    label: str
    mean: float
    effect: Effect | None


def make_steps(
    metric: str,
    aligned: Alignment | None,
    label: str,
    taught: bool,
    make: Callable[[Sequence[tuple[str, str]]], list[Effect]],
) -> list[Step]:
    """Put entries that build on each other into a row.

    Parameters
    ----------
    metric : str
    aligned : Alignment or None
    label : str
        The model that transfers.
    taught : bool
        Whether evidence alone was taught by the sources.
    make : callable
        Compares pairs of entries.

    Returns
    -------
    list of Step
        Empty if fewer than three of the entries were run.
    """
    clock, scratch = "evidence that knows the clock", beside(label, "scratch")
    between = {
        EVIDENCE.name: clock + ", which the sources teach, too" * taught,
        scratch: "a model of sequences" + ", without the sources" * taught,
    }
    if label == EVIDENCE.name:
        between = {scratch: f"{clock}, without the sources"}
    parts = {MEMORY.name: "transitions of the target alone", **between, label: "data of the other domains"}
    means = {name: aligned.mean(name, metric) for name in parts} if aligned else {}
    known = {name: mean for name, mean in means.items() if mean is not None}
    if len(known) < 3 or label not in known:
        return []
    names = [*known]
    effects = {effect.label: effect for effect in make([*zip(names[1:], names, strict=False)])}
    return [Step(parts[name], name, mean, effects.get(name)) for name, mean in known.items()]
