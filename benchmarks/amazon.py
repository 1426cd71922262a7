"""How fast the Amazon loader is, and in how much memory, beside the usual pandas and eval way.

The other side does what the conversion tools of RUCAIBox/RecSysDatasets do with a dump: `eval` of each line, a dict of
dicts, a DataFrame of it, a text file of four of its columns. It neither checks nor sorts, which ours does.

    python benchmarks/amazon.py --source=DUMP.jsonl.gz [--megabytes=200] [--rounds=3] [--large=2000]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path


def grow(source: Path, target: Path, megabytes: int) -> int:
    """Repeat the rows of a dump until the file has the size, users and items of each repetition its own."""
    with gzip.open(source, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    user, item = ("user_id", "parent_asin") if "parent_asin" in rows[0] else ("reviewerID", "asin")
    templates = [(json.dumps({**row, user: "\0", item: "\1"}), row[user], row[item]) for row in rows]
    size = 0
    with target.open("w", encoding="utf-8") as file:
        for copy in count():
            for text, who, what in templates:
                line = text.replace('"\\u0000"', f'"{who[:-4]}{copy:04X}"').replace(
                    '"\\u0001"', f'"{what[:-3]}{copy:03X}"'
                )
                size += file.write(f"{line}\n")
                if size >= megabytes * 10**6:
                    return size


OURS = """
import resource, sys, time
import recbole_metarec.amazon as amazon
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
card = amazon.prepare(sys.argv[1], name="x", output=sys.argv[2], overwrite=True)
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, base, card["counts"][0]["interactions"])
"""

THEIRS = """
import resource, sys, time
import pandas as pd
true, false, null = True, False, None
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
rows = {}
with open(sys.argv[1], "rb") as file:
    for number, line in enumerate(file):
        rows[number] = eval(line)
frame = pd.DataFrame.from_dict(rows, orient="index")
new = "parent_asin" in frame
keys = ["user_id", "parent_asin", "rating", "timestamp"] if new else ["reviewerID", "asin", "overall", "unixReviewTime"]
frame[keys].to_csv(sys.argv[2] + ".inter", index=False, sep="\\t")
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, base, len(frame))
"""


def run(code: str, source: Path, target: Path) -> tuple[float, float, float, float, int]:
    """Seconds inside, seconds of the whole process, peak and base memory in MB, rows."""
    start = time.perf_counter()
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(source), str(target)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[-4:]
    seconds, peak, base, rows = float(out[0]), float(out[1]) * 1024 / 1e6, float(out[2]) * 1024 / 1e6, int(out[3])
    return seconds, time.perf_counter() - start, peak, base, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dump, target = Path(folder) / "Books.jsonl", Path(folder) / "out"
        size = grow(arguments.source, dump, arguments.megabytes)
        sides = {"ours": OURS, "pandas and eval": THEIRS}
        runs = {side: [] for side in sides}
        for _ in range(arguments.rounds):  # in turn, so that both meet the same load
            for side, code in sides.items():
                runs[side].append(run(code, dump, target))
        print(
            f"{os.cpu_count()} cores, Python {sys.version.split()[0]}",
            f"{arguments.source.name}, {arguments.rounds} rounds",
            sep=", ",
        )
        print("| side | MB | rows | conversion, s | process with imports, s | peak memory, MB | imports alone, MB |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        medians = {}
        for side, results in runs.items():
            seconds, process, peak, base, rows = (statistics.median(column) for column in zip(*results, strict=True))
            medians[side] = seconds, process
            print(f"| {side} | {size / 1e6:.0f} | {rows:,} | {seconds:.2f} | {process:.2f} | {peak:.0f} | {base:.0f} |")
        if arguments.large:
            size = grow(arguments.source, dump, arguments.large)
            seconds, process, peak, base, rows = run(OURS, dump, target)
            print(f"| ours | {size / 1e6:.0f} | {rows:,} | {seconds:.2f} | {process:.2f} | {peak:.0f} | {base:.0f} |")
        ours, theirs = medians.values()
        print(f"\nratio of medians: {theirs[0] / ours[0]:.1f} in conversion, {theirs[1] / ours[1]:.1f} with imports")


if __name__ == "__main__":
    main()
