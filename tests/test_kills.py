"""A run that is killed and goes on gives the same, bit for bit; `benchmarks/kills.py` tries it many times."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import kills


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("target", *kills.SOURCES):
        kills.write_domain(tmp_path / "data", name, 40, rng)
    quick = ["--timed_evidence=False", "--scratch_control=False"]
    asked = [*kills.COMMON, *kills.RUNS["MetaRec"], *quick, "--resume=auto"]
    folders = [kills.new_folder(tmp_path, name) for name in ("whole", "killed")]
    assert kills.run(folders[0], 9, None, asked).status == 0
    ended = kills.run(folders[1], 9, kills.Moment("meta transfer", 2, 0.01), asked)
    assert ended.status == -9
    again = kills.run(folders[1], 9, None, asked)
    assert "goes on where it was, " in again.said
    assert kills.found(folders[0]) == kills.found(folders[1])
