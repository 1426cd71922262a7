"""Interactions of other domains with the items that a target has, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recbole_metarec.domains.domain import Domain


def with_items_of(source: Domain, names: Sequence[str], target: Sequence[str]) -> Domain:
    """Return the interactions of a source with the target's items, under the target's numbers.

    Parameters
    ----------
    source : Domain
    names, target : sequence of str
        Names of the items of source and target, from item 1.

    Returns
    -------
    Domain
        Sequences without the items that the target lacks; a user may be left with none.
    """
    numbers = dict(zip(target, range(1, len(target) + 1), strict=True))
    number_of = np.array([0, *(numbers.get(name, 0) for name in names)], np.int32)
    kept = source.of(number_of[source.items] > 0)
    return Domain(source.name, number_of[kept.items], kept.offsets, len(target), kept.times)
