"""Parts of the README beside a dataset, from its card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from recbole_metarec.datasets.output import Card
from recbole_metarec.domains.clock import PER_SECOND


def sources(card: Card) -> list[str]:
    """Render what a dataset was made from: files, sizes, checksums."""
    lines = ["| source | bytes | lines | bad lines | sha256 |", "|---|--:|--:|--:|---|"]
    for source in card["sources"]:
        bad = sum(source["bad_lines"].values())
        cells = (source["file"], f"{source['bytes']:,}", f"{source['lines']:,}", f"{bad:,}", source["sha256"])
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def counts(card: Card) -> list[str]:
    """Render what was left after each step, order, and the span of time."""
    lines = ["| after | users | items | interactions |", "|---|--:|--:|--:|"]
    for step in card["counts"]:
        lines.append(f"| {step['step']} | {step['users']:,} | {step['items']:,} | {step['interactions']:,} |")
    repeated = f"{card['repeated_pairs']:,} interactions repeat an earlier one of the same user and item."
    return [*lines, "", f"{card['order']} {_span(card['timestamps'])} {repeated}", ""]


def items(card: Card) -> list[str]:
    """Render how many items have which field, if there is anything of them."""
    if "metadata" not in card:
        return []
    metadata = card["metadata"]
    lines = ["| item field | items | share |", "|---|--:|--:|"]
    for name, coverage in metadata["coverage"].items():
        lines.append(f"| {name} | {coverage['items']:,} | {coverage['share']:.1%} |")
    rejected = f"{metadata['prices_rejected']:,} prices could not be read."
    return [*lines, "", *[rejected, ""] * ("price" in metadata["coverage"])]


def _span(times: Mapping[str, Any]) -> str:
    unit, first, last = times["unit"], times["first"], times["last"]
    if unit is None:
        return f"Timestamps only say what came first, from {first} to {last}."
    return f"Timestamps are in {unit}, from {first} ({_day(first, unit)}) to {last} ({_day(last, unit)})."


def _day(time: int, unit: str) -> str:
    try:
        moment = datetime.fromtimestamp(time / PER_SECOND[unit], timezone.utc)
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return "no date"
    return f"{moment:%Y-%m-%d}"
