"""Frames in the place of names of datasets, and atomic files with commas in the place of tabs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
import timed

import recbole_metarec as rm
from recbole_metarec.cli.main import main
from recbole_metarec.comparison.compare import Comparison

COLUMNS = {"user": "customer", "item": "sku", "time": "bought_at"}
QUICK = {"gpu_id": "", "show_progress": False, "state": "ERROR"}


def lines(seed: int) -> dict[str, list[Any]]:
    users, items, times = zip(*timed.draw_lines(seed), strict=True)
    return {"customer": [*users], "sku": [*items], "bought_at": [*times]}


def run(**keys: Any) -> list[rm.RunResult]:
    return rm.run({**QUICK, **COLUMNS, "model": "Evidence", "core": 2}, **keys)


def test_frames_give_the_results_of_their_files(capsys: pytest.CaptureFixture[str]) -> None:
    target, source = pd.DataFrame(lines(0)), pl.DataFrame(lines(1))
    first, *_ = run(dataset=target, sources={"ca": source})
    assert (first.dataset, first.source_datasets) == ("target", ["ca"])
    said = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("target, ca: written to "))
    folder = Path(said.rpartition(" ")[2])
    assert (folder / "target" / "README.md").is_file()
    again, *_ = rm.run(QUICK, model="Evidence", dataset="target", source_datasets=["ca"], data_path=str(folder))
    assert again.test == first.test


def test_a_comparison_takes_frames_into_a_folder_of_choice() -> None:
    uk = pl.DataFrame(lines(0)).with_columns(name="item " + pl.col("sku"))
    settings = {**QUICK, **COLUMNS, "data_path": "mine", "title": "name", "dataset": {"uk": uk}}
    found: Comparison = rm.compare(["Memory", "Pop"], settings)
    assert {run.dataset for runs in found.runs.values() for run in runs.values()} == {"uk"}
    _, *items = Path("mine/uk/uk.item").read_text().splitlines()
    assert all(title == f"item {item}" for item, _, title in (line.partition("\t") for line in items))


def test_everything_that_is_wrong_with_frames_is_named_at_once() -> None:
    frame = pd.DataFrame(lines(0))
    bad = frame.assign(sku=None).rename(columns={"customer": "client"})
    with pytest.raises(rm.UserError) as error:
        run(dataset=frame, sources={"ca": bad, "de": frame.assign(bought_at="soon")}, data_path="mine")
    text = str(error.value)
    assert "--user=customer: frame ca has no such column; it has client" in text
    assert "frame de: row 1: bought_at 'soon' is no time" in text
    with pytest.raises(rm.UserError) as error:
        rm.run(model="Evidence", dataset="uk", sources=frame, user="customer", item="sku", core="few")
    assert [problem.partition(":")[0] for problem in error.value.problems] == ["time", "dataset", "sources", "core"]


def test_files_with_commas_give_the_results_of_those_with_tabs() -> None:
    for seed, name in enumerate(("target", "source")):
        timed.write(Path("tabs"), timed.draw_lines(seed), name=name)
        text = Path(f"tabs/{name}/{name}.inter").read_text()
        Path(f"commas/{name}").mkdir(parents=True)
        Path(f"commas/{name}/{name}.inter").write_text(text.replace("\t", ","))
    found = []
    for root, more in (("tabs", []), ("commas", ["--field_separator=,"])):
        words = [f"--data_path={root}", "--dataset=target", "--source_datasets=source", f"--result_file={root}.json"]
        assert main(["run", "--model=Evidence", "--gpu_id=", "--show_progress=False", *words, *more]) == 0
        found.append([run["test"] for run in json.loads(Path(f"{root}.json").read_text())["runs"]])
    assert found[0] == found[1]
