"""The README beside a converted table."""

from __future__ import annotations

from recbole_metarec.datasets.card import counts, items, sources
from recbole_metarec.datasets.output import Card

ORDER = "Sorted by user and time; interactions of a user at the same time keep the order of the source file."
"""The order of an ``.inter`` file, ties included."""


def readme(card: Card) -> list[str]:
    """Render a card as lines of Markdown."""
    return [
        f"# {card['name']}",
        "",
        f"Made as by `recbole-metarec convert`, from {', '.join(source['file'] for source in card['sources'])}.",
        "",
        *sources(card),
        *_columns(card),
        *counts(card),
        *_left_out(card),
        *items(card),
        f"Options: {', '.join(f'`{key}={value}`' for key, value in card['options'].items())}.",
    ]


def _columns(card: Card) -> list[str]:
    lines = ["| field | column |", "|---|---|"]
    return [*lines, *(f"| {field} | {column} |" for field, column in card["columns"].items()), ""]


def _left_out(card: Card) -> list[str]:
    lines = []
    for source in card["sources"]:
        lines += [
            f"- {count:,} row{'s' * (count > 1)} left out: {reason}" for reason, count in source["bad_lines"].items()
        ]
        lines += [f"- for example {example}" for example in source["bad_examples"]]
    if card["timestamps"]["warning"]:
        lines.append(f"- {card['timestamps']['warning']}")
    return [*lines, ""] if lines else []
