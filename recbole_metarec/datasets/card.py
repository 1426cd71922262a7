"""Parts of the README beside a dataset, from its card."""

from __future__ import annotations

from datetime import datetime, timezone

from recbole_metarec.datasets.output import Card


def sources(card: Card) -> list[str]:
    """Render what a dataset was made from: files, sizes, checksums."""
    lines = ["| source | bytes | lines | bad lines | sha256 |", "|---|--:|--:|--:|---|"]
    for source in card["sources"]:
        bad = sum(source["bad_lines"].values())
        cells = (source["file"], f"{source['bytes']:,}", f"{source['lines']:,}", f"{bad:,}", source["sha256"])
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def counts(card: Card) -> list[str]:
    """Render what was left after each step, and the span of time."""
    times = card["timestamps"]
    repeated = f"{card['repeated_pairs']:,} interactions repeat an earlier one of the same user and item."
    span = f"from {times['first']} ({_day(times['first'], times['unit'])})"
    span += f" to {times['last']} ({_day(times['last'], times['unit'])})"
    return [*steps(card), f"{card['order']} Timestamps are in {times['unit']}, {span}. {repeated}", ""]


def steps(card: Card) -> list[str]:
    """Render what was left after each step."""
    lines = ["| after | users | items | interactions |", "|---|--:|--:|--:|"]
    for step in card["counts"]:
        lines.append(f"| {step['step']} | {step['users']:,} | {step['items']:,} | {step['interactions']:,} |")
    return [*lines, ""]


def _day(time: int, unit: str) -> str:
    try:
        moment = datetime.fromtimestamp(time / (1000 if unit == "ms" else 1), timezone.utc)
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return "no date"
    return f"{moment:%Y-%m-%d}"
