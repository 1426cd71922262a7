"""A metric of each entry over parts of the test targets."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_metarec.comparison.alignment import Alignment
from recbole_metarec.comparison.description import Description
from recbole_metarec.evaluation.ranking import is_of_ranks

Group = tuple[str, int, dict[str, float]]
"""A part of the users: its name, its size, and each entry's mean of the metric."""


def group_means(
    description: Description, metric: str, aligned: Alignment | None, labels: Sequence[str]
) -> list[tuple[str, list[Group]]]:
    """Average a metric over each group of each grouping of the targets.

    Parameters
    ----------
    description : Description
        With the groupings.
    metric : str
        Averaged if it is a function of ranks.
    aligned : Alignment or None
        Without it there is nothing to average.
    labels : sequence of str
        Of the entries.

    Returns
    -------
    list of (str, list of Group)
        By title.
    """
    if aligned is None or description.grouped is None or not is_of_ranks(metric):
        return []
    here, there = aligned.rows_of(description.grouped)
    described = slice(1) if aligned.drawn else slice(None)  # the groups are of the first seed's targets
    values = {
        label: aligned.values(label, sorted(aligned.ranks[label])[described], metric).mean(0)[here]
        for label in labels
        if label in aligned.ranks
    }
    tables = []
    for grouping in description.groupings:
        lines: list[Group] = []
        for number, name in enumerate(grouping.names):
            inside = grouping.group[there] == number
            means = {label: float(value[inside].mean()) for label, value in values.items() if inside.any()}
            lines.append((name, int(inside.sum()), means))
        tables.append((grouping.title, lines))
    return tables


def labels_of(lines: list[Group]) -> list[str]:
    """Return the entries that a table of groups has numbers of, in order."""
    return list(dict.fromkeys(label for _, _, means in lines for label in means))
