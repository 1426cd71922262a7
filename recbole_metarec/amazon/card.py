"""The README beside a dataset, from its card."""

from __future__ import annotations

from datetime import datetime, timezone

from recbole_metarec.amazon.output import Card

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
        *_sources(card),
        *_counts(card),
        *_choices(card),
        *_items(card),
        f"Cite: {CITATIONS[card['vintage']]}.",
    ]
    return lines


def _sources(card: Card) -> list[str]:
    lines = ["| source | bytes | lines | bad lines | sha256 |", "|---|--:|--:|--:|---|"]
    for source in card["sources"]:
        bad = sum(source["bad_lines"].values())
        cells = (source["file"], f"{source['bytes']:,}", f"{source['lines']:,}", f"{bad:,}", source["sha256"])
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _counts(card: Card) -> list[str]:
    lines = ["| after | users | items | interactions |", "|---|--:|--:|--:|"]
    for step in card["counts"]:
        lines.append(f"| {step['step']} | {step['users']:,} | {step['items']:,} | {step['interactions']:,} |")
    times = card["timestamps"]
    repeated = f"{card['repeated_pairs']:,} interactions repeat an earlier one of the same user and item."
    span = f"from {times['first']} ({_day(times['first'], times['unit'])})"
    span += f" to {times['last']} ({_day(times['last'], times['unit'])})"
    return [*lines, "", f"{card['order']} Timestamps are in {times['unit']}, {span}. {repeated}", ""]


def _day(time: int, unit: str) -> str:
    try:
        moment = datetime.fromtimestamp(time / (1000 if unit == "ms" else 1), timezone.utc)
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return "no date"
    return f"{moment:%Y-%m-%d}"


def _choices(card: Card) -> list[str]:
    lines = [f"Preset `{card['preset']}`: {card['preset_note']}"]
    if card["preset_changes"]:
        changes = ", ".join(f"`{key}={value}`" for key, value in card["preset_changes"].items())
        lines.append(f"Changed from the preset: {changes}.")
    return [*lines, ""]


def _items(card: Card) -> list[str]:
    if "metadata" not in card:
        return []
    metadata = card["metadata"]
    lines = ["| item field | items | share |", "|---|--:|--:|"]
    for name, coverage in metadata["coverage"].items():
        lines.append(f"| {name} | {coverage['items']:,} | {coverage['share']:.1%} |")
    rejected = metadata["prices_rejected"]
    return [*lines, "", f"{rejected:,} prices could not be read.", ""]
