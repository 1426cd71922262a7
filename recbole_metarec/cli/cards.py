"""What a dataset has become, printed from its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def show_card(card: Mapping[str, Any], output: Path) -> None:
    """Print counts after each step, lines left out, fields of items, and files."""
    print(card["name"])
    width = max(len(step["step"]) for step in card["counts"])
    for step in card["counts"]:
        print(f"  {step['step']:<{width}}  {_numbers(step)}")
    for source in card["sources"]:
        bad = source.get("bad_lines", {})
        if bad:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in bad.items())
            print(f"  {source['file']}: {sum(bad.values()):,} of {source['lines']:,} lines left out: {reasons}")
            print(*(f"    {example}" for example in source["bad_examples"]), sep="\n")
    metadata = card.get("metadata")
    if metadata:
        shares = ", ".join(f"{name} {coverage['share']:.0%}" for name, coverage in metadata["coverage"].items())
        unreadable = f"; {metadata['prices_rejected']:,} prices unreadable"
        print(f"  items with {shares}{unreadable * ('price' in metadata['coverage'])}")
    for name, file in card["files"].items():
        print(f"  {output / card['name'] / name}  {file['bytes']:,} bytes")


def _numbers(step: dict[str, int]) -> str:
    return ", ".join(f"{step[key]:>10,} {key}" for key in ("users", "items", "interactions"))
