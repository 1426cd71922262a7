"""Which model of a comparison is to be used, and the sentences that a report of it begins with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recbole_metarec.comparison.answers import DELIVERED, delivered_label
from recbole_metarec.comparison.effects import Effect
from recbole_metarec.comparison.entry_result import EntryResult
from recbole_metarec.comparison.labels import parse, variant_of
from recbole_metarec.models import SPECS
from recbole_metarec.runs.advice import Measured, explain, say_next, say_transfer, say_use
from recbole_metarec.runs.delivery import SIMPLEST_FIRST, Delivery

MakeEffects = Callable[[Sequence[tuple[str, str]]], list[Effect]]
"""Compares pairs of entries."""


@dataclass(frozen=True)
class Answer:
    """What a report begins with.

    Attributes
    ----------
    label : str
        The model that transfers of which it speaks; empty for none.
    use : str
        The model to use; empty for none.
    said : str
        What holds, and which model to use.
    next_step : str
        What to do next; empty if nothing that transfers was compared.
    meaning : str
        What the metric says.
    """

    label: str
    use: str
    said: str
    next_step: str
    meaning: str


def answer(
    metric: str,
    n_users: int,
    rows: Sequence[EntryResult],
    transfers: Sequence[Effect],
    deliveries: Mapping[str, Mapping[int, Delivery]],
    make: MakeEffects,
) -> Answer:
    """Answer whether other domains help, and which model to use.

    Parameters
    ----------
    metric : str
    n_users : int
        Of the test.
    rows : sequence of EntryResult
        What is compared.
    transfers : sequence of Effect
        Each model that transfers against its scratch control.
    deliveries : mapping
        By label and seed; the model that is best on validation is spoken of.
    make : callable
        Compares pairs.

    Returns
    -------
    Answer
    """
    valid = {row.label: -math.inf if math.isnan(row.valid) else row.valid for row in rows}
    chosen = {label: _mostly(label, of_seeds) for label, of_seeds in deliveries.items() if label in valid}
    family = max(chosen, key=lambda label: valid.get(chosen[label], -math.inf), default=None)
    shown = [effect for effect in transfers if family in (None, effect.label)]
    said, next_step = [], ""
    if shown:
        measured = _measured(shown[0], n_users)
        said, next_step = [say_transfer(measured)], say_next(measured)
    best = chosen[family] if family else max(valid, key=lambda label: valid[label], default="")
    use = ""
    if family or (len(valid) > 1 and valid[best] > -math.inf):
        use, sentence = _say_use(best, family, valid, n_users, make)
        said.append(sentence)
    if family and use == best and not any(each.asked for each in deliveries[family].values()):
        said.append(f"That it is {best}, and no other variant of the model, is what validation chose, not the test.")
    return Answer(shown[0].label if shown else "", use, " ".join(said), next_step, explain(metric))


def _mostly(label: str, deliveries: Mapping[int, Delivery]) -> str:
    """Return the variant that is to be used with most seeds, the simplest of several."""
    counts = Counter(str(delivery.run.variant) for delivery in deliveries.values())
    variant = max(sorted(counts, key=SIMPLEST_FIRST.index), key=lambda name: counts[name])
    return delivered_label(label, next(each for each in deliveries.values() if each.run.variant == variant))


def _say_use(
    best: str, family: str | None, valid: Mapping[str, float], n_users: int, make: MakeEffects
) -> tuple[str, str]:
    """Return the model to use and how it stands to the best of RecBole's, or of all others if that is clearly ahead."""
    variant = None if family is None else variant_of(best) or "transfer"
    others = [label for label in valid if parse(label)[0] != parse(best)[0] and variant_of(label) != DELIVERED]
    of_recbole = [label for label in others if parse(label)[0].model not in SPECS]
    kinds = {"the others": others, "RecBole's models": of_recbole}
    rivals = {kind: max(labels, key=lambda label: valid[label]) for kind, labels in kinds.items() if labels}
    effects = make([(best, rival) for rival in dict.fromkeys(rivals.values())])
    leads = {effect.against: _measured(effect, n_users) for effect in effects}
    said = [(kind, rival, leads[rival]) for kind, rival in rivals.items() if rival in leads]
    for kind, rival, lead in said:
        if lead.is_clear and lead.change.relative < 0:
            return rival, say_use(best, variant, rival, lead, kind)
    kind, rival, lead_or_none = said[-1] if said else ("", "", None)
    return best, say_use(best, variant, rival, lead_or_none, kind)


def _measured(effect: Effect, n_users: int) -> Measured:
    return Measured(effect.change, effect.verdict, effect.metric, n_users)
