"""The README beside a dataset, from its card."""

from __future__ import annotations

from recbole_metarec.datasets.card import counts, items, sources
from recbole_metarec.datasets.output import Card

CITATIONS = {
    2014: "R. He, J. McAuley. Ups and Downs: Modeling the Visual Evolution of Fashion Trends. WWW 2016",
    2018: "J. Ni, J. Li, J. McAuley. Justifying Recommendations using Distantly-Labeled Reviews. EMNLP 2019",
    2023: "Y. Hou et al. Bridging Language and Items for Retrieval and Recommendation. arXiv 2403.03952",
}
"""What to cite for each vintage."""

TIES = "Sorted by timestamp over the whole file; interactions of the same time keep the order of the source file."
"""The order of an ``.inter`` file, ties included."""


def readme(card: Card) -> list[str]:
    """Render a card.

    Parameters
    ----------
    card : dict
        From `prepare`.

    Returns
    -------
    list of str
        Lines of Markdown.
    """
    lines = [
        f"# {card['name']}",
        "",
        f"Amazon reviews of {card['vintage']}, made by `python -m recbole_metarec.amazon prepare`.",
        "",
        *sources(card),
        *counts(card),
        *_choices(card),
        *items(card),
        f"Cite: {CITATIONS[card['vintage']]}.",
    ]
    return lines


def _choices(card: Card) -> list[str]:
    lines = [f"Preset `{card['preset']}`: {card['preset_note']}"]
    if card["preset_changes"]:
        changes = ", ".join(f"`{key}={value}`" for key, value in card["preset_changes"].items())
        lines.append(f"Changed from the preset: {changes}.")
    return [*lines, ""]
