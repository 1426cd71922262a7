"""CPU seconds to reach the best validation NDCG@10 of RecBole's SASRec, from what the sides printed.

    python benchmarks/training/compare.py stock.jsonl ours.jsonl peer.jsonl ...

The first file is the reference. Seconds are those of training alone; validation after each epoch is left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def read(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def main() -> None:
    runs = [(path, read(path)) for path in sys.argv[1:]]
    reference = max(runs[0][1], key=lambda line: line["ndcg"])
    print(
        f"reference: NDCG@10 {reference['ndcg']:.4f} at epoch {reference['epoch']}, {reference['training']:.0f} CPU s\n"
    )
    print(
        "| run | epochs | best NDCG@10 (epoch) | CPU s an epoch | epoch that reaches it | CPU s to reach it | ratio |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    for path, lines in runs:
        best = max(lines, key=lambda line: line["ndcg"])
        there = next((line for line in lines if line["ndcg"] >= reference["ndcg"]), None)
        reached = ["not reached", "", ""]
        if there:
            ratio = reference["training"] / there["training"]
            reached = [str(there["epoch"]), f"{there['training']:.0f}", f"{ratio:.1f}"]
        cells = [
            f"{lines[0]['side']} ({Path(path).stem})",
            str(len(lines)),
            f"{best['ndcg']:.4f} ({best['epoch']})",
            f"{lines[-1]['training'] / len(lines):.1f}",
            *reached,
        ]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
