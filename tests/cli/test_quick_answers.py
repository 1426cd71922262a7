"""Mistakes are answered before torch and RecBole are imported, which takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "recbole", "pandas", "scipy", "sklearn", "polars", "ray")

CODE = """
import sys
from recbole_metarec.cli.main import main
status = main(sys.argv[1:])
print(status, *sorted({*HEAVY} & {*sys.modules}))
""".replace("HEAVY", repr(HEAVY))


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("--model=MetaRec --learning_rat=1", ["--learning_rat: no such key; did you mean learning_rate"]),
        ("--model=ANT --backbone=mamba --seed=x", ["--backbone=mamba: must be one of", "--seed=x: must be"]),
        ("--model=MetaRek", ["--model=MetaRek: no such model; did you mean MetaRec"]),
        ("--model=Memory --dataset=absent --epochs=0 --x=1", ["--x: no such key", "dataset/absent: no such dataset"]),
        ("--model=Evidence --train_users=2 --dataset=ml-100k-warr", ["--train_users=2", "did you mean ml-100k-war"]),
        ("--model=SASRec --train_batch_size=0 --metrics=Recal", ["--metrics=['Recal']: must", "--train_batch_size=0"]),
        ("compare --model=MetaRec:jont,BPR", ["--model=MetaRec:jont: no such variant"]),
        ("convert", ["DATA: is missing"]),
        ("convert x.csv --user=a --core=x", ["--item: ", "--time: ", "core: 'x' must be"]),
        ("tune --model=MetaRec", ["--tune: is missing"]),
    ],
)
def test_mistakes_import_nothing_heavy(command: str, wanted: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command.split()], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2"]
    lines = done.stderr.splitlines()
    assert [any(line in said for said in lines) for line in wanted] == [True] * len(wanted), lines
