"""The commands that use a trained model, on a memory that is made by hand."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch

import recbole_metarec as rm
from recbole_metarec.cli.main import main
from recbole_metarec.domains.domain import from_sequences
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.evidence.weights import EvidenceWeights
from recbole_metarec.inference.encoder import SequenceEncoder
from recbole_metarec.inference.recommender import Recommender
from recbole_metarec.inference.scorer import Scorer
from recbole_metarec.inference.section import Section
from recbole_metarec.settings.evidence import EvidenceSettings

ITEMS = [*"ABCDEF"]
USERS = {"u1": ["A", "B"], "u2": ["C"], "u3": ["no such", "A", "D"]}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = EvidenceSettings()
    domain = from_sequences("shop", [[1, 2, 3, 4], [2, 3, 5], [1, 2, 6], [4, 5]], len(ITEMS))
    evidence = Evidence.fit(domain, settings, alone=True)
    evidence.weights = EvidenceWeights(math.inf, 0.0)
    vectors = torch.zeros(len(ITEMS) + 1, 0)
    kept = Section(Scorer(vectors, vectors, SequenceEncoder([], 50), evidence), settings, ["Apple", *[""] * 5])
    path = tmp_path_factory.mktemp("shop") / "memory.pth"
    Recommender(kept, ITEMS, {"model": "Memory", "dataset": "shop"}).save(path)
    return path


@pytest.fixture(scope="module")
def rec(path: Path) -> Recommender:
    return rm.load(path)


def expected(rec: Recommender, k: int) -> dict[str, list[str]]:
    known = [[item for item in items if item in ITEMS] for items in USERS.values()]
    answers = rec.recommend(known, k)
    return {user: [each.item_id for each in answer] for user, answer in zip(USERS, answers, strict=True)}


def write(path: Path) -> None:
    """Write the histories in the form that the ending says, rows of a user in no order of time."""
    rows = [(user, item, 1.5e9 + place) for user, items in USERS.items() for place, item in enumerate(items)]
    rows = [row for user in USERS for row in reversed([each for each in rows if each[0] == user])]
    if path.suffix == ".jsonl":
        lines = [{"user_id": user, "items": items} for user, items in USERS.items()]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    elif path.suffix == ".csv":
        lines = [f"{item},x,{user},{time}" for user, item, time in rows]
        path.write_text("\n".join(["item_id,rating,user_id,timestamp", *lines, ""]))
    else:
        pl.DataFrame(rows, ["user_id", "item_id", "timestamp"], orient="row").write_parquet(path)


def read(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return {line["user_id"]: [each["item_id"] for each in line["recommendations"]] for line in lines}
    frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
    assert frame.columns == ["user_id", "item_id", "score", "rank", "title"]
    for user, item in zip(frame["user_id"], frame["item_id"], strict=True):
        found.setdefault(user, []).append(item)
    return found


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_files_are_answered_user_by_user(
    rec: Recommender, path: Path, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    write(source)
    assert main(["recommend", str(path), f"--input={source}", f"--output={target}", "-k", "3"]) == 0
    assert read(target) == expected(rec, 3)
    printed = capsys.readouterr()
    assert printed.err == "1 unknown item id skipped\n"
    assert printed.out.endswith("recommendations for 3 users\n")


def test_blocks_do_not_tear_users_apart(
    rec: Recommender, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recbole_metarec.inference.history_files.USERS", 1)
    monkeypatch.setattr("recbole_metarec.inference.history_files.PARQUET_ROWS", 1)
    source, target = tmp_path / "in.parquet", tmp_path / "out.csv"
    write(source)
    assert main(["recommend", str(path), f"--input={source}", f"--output={target}", "-k", "3"]) == 0
    assert read(target) == expected(rec, 3)


def test_lines_may_know_their_times_and_when_they_ask(rec: Recommender, path: Path, tmp_path: Path) -> None:
    """What came after it was asked is not read; lines without times are as they stand."""
    lines = [
        {"items": ["C", "A", "B"], "times": [1.5e9 + 9, 1.5e9, 1.5e9 + 1], "at": 1.5e9 + 2},
        {"items": ["C", "A"]},
        {"items": []},
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert main(["recommend", str(path), f"--input={source}", f"--output={target}"]) == 0
    answers = rec.recommend([["A", "B"], ["C", "A"], []])
    assert [*read(target).values()] == [[each.item_id for each in answer] for answer in answers]


def test_a_sequence_is_answered_as_a_table_or_as_json(
    rec: Recommender, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recommend", str(path), "--sequence=B,C", "-k", "2", "--json"]) == 0
    answer = rec.recommend([["B", "C"]], 2)[0]
    assert [each["item_id"] for each in json.loads(capsys.readouterr().out)] == [each.item_id for each in answer]
    assert main(["recommend", str(path), "--sequence=B", "--candidates=A,C", "--exclude=C", "--at=2014-07-01"]) == 0
    table = capsys.readouterr().out
    assert "Apple" in table
    assert len(table.splitlines()) == 3
    assert main(["recommend", str(path), "--sequence=A", "--candidates=A"]) == 0
    assert capsys.readouterr().out == "nothing is left to recommend\n"
    assert main(["recommend", str(path), "--sequence=A", "--candidates=A", "--keep-seen"]) == 0
    assert "Apple" in capsys.readouterr().out


def test_alike_items_are_listed(rec: Recommender, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", str(path), "B,D", "-k", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [[each["item_id"] for each in answer] for answer in found.values()] == [
        [each.item_id for each in answer] for answer in rec.similar(["B", "D"], 2)
    ]


def test_items_of_sources_are_listed(
    recommender: Callable[[str], rm.Recommender],
    path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rec = recommender("MetaRec without clock")
    rec.save(tmp_path / "rec.safetensors")
    asked = rec.item_ids[:2]
    arguments = [str(tmp_path / "rec.safetensors"), ",".join(asked), "--across=source", "-k", "3", "--json"]
    assert main(["similar", *arguments]) == 0
    expected = [[each._asdict() for each in answer] for answer in rec.similar(asked, 3, "source")]
    assert [*json.loads(capsys.readouterr().out).values()] == expected
    assert main(["similar", str(path), "A", "--across=source"]) == 2
    assert capsys.readouterr().err == (
        "error: across=source: Memory on shop has no items of sources in its space; MetaRec trained with "
        "source_datasets has. Leave it out\n"
    )


def test_recbole_is_not_imported(path: Path) -> None:
    code = f"""
import sys
from recbole_metarec.cli.main import main
assert main(['recommend', {str(path)!r}, '--sequence=A']) == 0
assert not {{'recbole', 'pandas', 'sklearn', 'polars'}} & {{*sys.modules}}, sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


BAD = {
    "in.csv": {
        "column item_id is missing; it has user_id, item; did you mean item": "user_id,item\n1,2\n",
        "rows of user 1 stand apart": "user_id,item_id\n1,A\n2,A\n1,B\n",
        "line 2 has 3 columns": "user_id,item_id\n1,A,B\n",
        "item_id of row 2 is missing": "user_id,item_id\n1,A\n1,\n",
        "user 1: time nan is no number": "user_id,item_id,timestamp\n1,A,nan\n",
        "user 1: time=soon: is no time": "user_id,item_id,timestamp\n1,A,soon\n",
        "column user_id is missing; it has item_id": "item_id\nA\n",
    },
    "in.jsonl": {
        "line 2: is no JSON": '{"items": []}\n{"items": [NaN]}\n',
        "line 1: must be as": '["A"]\n',
        "line 1: times must be a list": '{"items": ["A"], "times": []}\n',
        "line 1: None is no item id": '{"items": [null]}\n',
        "line 1: at=soon: is no time": '{"items": [], "at": "soon"}\n',
    },
    "in.parquet": {"is no parquet file": "PAR1"},
    "in.txt": {"must end in .jsonl, .csv or .parquet": ""},
}


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in BAD.items() for line in lines])
def test_broken_files_are_one_line_and_leave_nothing(
    path: Path, tmp_path: Path, name: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(BAD[name][line])
    target = tmp_path / "out.csv"
    assert main(["recommend", str(path), f"--input={tmp_path / name}", f"--output={target}"]) == 2
    printed = capsys.readouterr().err
    assert line in printed
    assert printed.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "write --sequence=A,B,C for one user, or --input"),
        (["--sequence=A", "--input=x.csv"], "write --sequence=A,B,C for one user, or --input"),
        (["--input=x.csv"], "belong together"),
        (["--sequence=A", "-k", "0"], "-k 0: must be a whole number"),
        (["--sequence=A", "--at=never"], "--at=never: is no time"),
        (["--sequence=A", "--candidates=@none"], "--candidates=@none: cannot be read"),
        (["--sequence=X", "--unknown=raise"], "1 item is unknown, the first is 'X'"),
        (["--input=none.csv", "--output=out.csv"], "none.csv: no such file"),
    ],
)
def test_mistakes_are_one_line(path: Path, arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", str(path), *arguments]) == 2
    printed = capsys.readouterr().err
    assert line in printed
    assert printed.count("\n") == 1
