"""Mistakes are answered before torch and RecBole are imported, which takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "recbole", "pandas", "scipy", "sklearn", "polars", "ray")

ANSWERS = {
    "--model=MetaRec --learning_rat=1": ["--learning_rat: no such key; did you mean learning_rate"],
    "--model=ANT --backbone=mamba --seed=x": ["--backbone=mamba: must be one of", "--seed=x: must be"],
    "--model=MetaRek": ["--model=MetaRek: no such model; did you mean MetaRec"],
    "--model=Memory --dataset=absent --epochs=0 --x=1": ["--x: no such key", "dataset/absent: no such dataset"],
    "--model=Evidence --train_users=2 --dataset=ml-100k-warr": ["--train_users=2", "did you mean ml-100k-war"],
    "--model=SASRec --train_batch_size=0 --metrics=Recal": ["--metrics=['Recal']: must", "--train_batch_size=0"],
    "compare --model=MetaRec:jont,BPR": ["--model=MetaRec:jont: no such variant"],
    "convert": ["DATA: is missing"],
    "convert x.csv --user=a --core=x": ["--item: ", "--time: ", "core: 'x' must be"],
    "tune --model=MetaRec": ["--tune: is missing"],
}

CODE = f"""
import sys
from recbole_metarec.cli.main import main
for command in {[*ANSWERS]!r}:
    print("of", command, file=sys.stderr)
    print(main(command.split()), *sorted({{*{HEAVY!r}}} & {{*sys.modules}}))
"""


def test_mistakes_import_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["2"] * len(ANSWERS)
    for command, wanted in ANSWERS.items():
        said = done.stderr.partition(f"of {command}\n")[2].partition("\nof ")[0].splitlines()
        assert [any(line in each for each in said) for line in wanted] == [True] * len(wanted), said
