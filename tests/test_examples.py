"""The examples run, on fewer customers than they have."""

from __future__ import annotations

import importlib
import re
import runpy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from conftest import REPOSITORY

import recbole_metarec as rm
from recbole_metarec.nn.backbones import BACKBONES

EXAMPLES = REPOSITORY / "examples"
SHARE = 0.25
SAID = {
    "bring_your_csv": [r"^cork .*seconds, 2026", r"NDCG@10 0\.\d+ with the other shops", r"C\d+ .* 5 +\w"],
    "pick_sources": [r"^  motors +\d+%", r"without-motors +[+-]", r"^all of them: "],
    "read_the_report": [
        r"with them",
        r"^Pop +0\.",
        r"against Evidence:scratch: ",
        r"^with data of the other domains: ",
    ],
    "serve_it": [r"^health {'status': 'ok'}", r"feeder", r"^recommended \['\w.*', '", r"^ended with status 0"],
    "add_a_backbone": [r"^fading: NDCG@10 0\.\d+", r"^gru: NDCG@10 0\.\d+", r"^\['"],
}


def _with_few_rows(function: Callable[..., Any], /, *arguments: Any, **keys: Any) -> Any:
    return function(*arguments, **{**keys, "evidence_rows": 40})


@pytest.mark.parametrize("name", SAID)
def test_an_example_runs(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    tables = importlib.import_module("made_up_tables")
    of_share = tables.write_datasets
    monkeypatch.setattr(tables, "write_datasets", lambda folder, share=1.0: of_share(folder, SHARE))
    for function in (rm.run, rm.compare):
        monkeypatch.setattr(rm, function.__name__, partial(_with_few_rows, function))
    known = dict(BACKBONES)
    try:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    finally:
        BACKBONES.clear()
        BACKBONES.update(known)
    said = capsys.readouterr().out
    assert [pattern for pattern in SAID[name] if not re.search(pattern, said, re.MULTILINE)] == []


def test_all_examples_are_run_and_short() -> None:
    scripts = {path.stem: path.read_text().splitlines() for path in EXAMPLES.glob("*.py")}
    assert scripts.keys() - {"made_up_tables", "serve_exported"} == SAID.keys()
    assert max(len(scripts[name]) for name in SAID) < 80


def test_each_example_has_a_tutorial() -> None:
    tutorials = REPOSITORY / "docs" / "tutorials"
    assert {path.stem for path in tutorials.glob("*.md")} - {"index"} == SAID.keys()
    index = (tutorials / "index.md").read_text(encoding="utf-8")
    for name in SAID:
        assert f"examples/{name}.py\n:language" in (tutorials / f"{name}.md").read_text(encoding="utf-8")
        assert f"({name}.md)" in index
