"""A source that misleads: the rows of a domain with its items dealt out anew.

    python benchmarks/shuffle_items.py ../shared/data/atomic amazon-health-personal-care saved/benchmark/data

The last argument is a folder to be made, with links to all domains and NAME-shuffled beside them; it is for
`--data_path`, and NAME-shuffled for `--source_datasets`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def shuffle_items(data_path: Path, name: str, folder: Path) -> str:
    """Make the folder and return the name of the new domain."""
    folder.mkdir(parents=True)
    for domain in data_path.iterdir():
        (folder / domain.name).symlink_to(domain.resolve())
    header, *lines = (data_path / name / f"{name}.inter").read_text(encoding="utf-8").splitlines()
    column = [field.split(":")[0] for field in header.split("\t")].index("item_id")
    rows = [line.split("\t") for line in lines]
    items = np.random.default_rng(0).permutation([row[column] for row in rows])
    shuffled = ["\t".join([*row[:column], item, *row[column + 1 :]]) for row, item in zip(rows, items, strict=True)]
    made = f"{name}-shuffled"
    (folder / made).mkdir()
    (folder / made / f"{made}.inter").write_text("\n".join([header, *shuffled]) + "\n", encoding="utf-8")
    return made


if __name__ == "__main__":
    source, domain, target = sys.argv[1:]
    print(shuffle_items(Path(source), domain, Path(target)))
