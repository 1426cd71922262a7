"""Tables of one's own, from file to domain."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.loading import load_catalogue
from recbole_metarec.cli.main import main
from recbole_metarec.conversion import convert, make_options
from recbole_metarec.datasets.output import Card
from recbole_metarec.errors import UserError

Rows = list[tuple[str, str, int]]
START = 1_700_000_000


def made(n_rows: int = 300, seed: int = 0) -> Rows:
    """Draw (user, item, seconds), some of them twice, ids with leading zeros."""
    rng = random.Random(seed)
    rows = [(f"0{rng.randrange(25)}", f"sku {rng.randrange(30)}", START + rng.randrange(10**7)) for _ in range(n_rows)]
    return rows + rows[:20]


def frame_of(rows: Rows) -> pl.DataFrame:
    users, items, times = zip(*rows, strict=True)
    dates = pl.Series(times).cast(pl.Int64) * 1000
    when = dates.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d %H:%M:%S")
    return pl.DataFrame({"order": range(len(rows)), "customer": users, "sku": items, "bought": when})


def write_gz(path: Path, text: str) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text)


WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "shop.csv": lambda frame, path: frame.write_csv(path),
    "shop.txt": lambda frame, path: frame.write_csv(path, separator=";", quote_style="always", line_terminator="\r\n"),
    "shop.tsv": lambda frame, path: frame.write_csv(path, separator="\t", include_bom=True),
    "shop.csv.gz": lambda frame, path: write_gz(path, frame.write_csv()),
    "shop.jsonl": lambda frame, path: frame.write_ndjson(path),
    "shop.ndjson.gz": lambda frame, path: write_gz(path, frame.write_ndjson()),
    "shop.parquet": lambda frame, path: frame.with_columns(pl.col("bought").str.to_datetime()).write_parquet(path),
}


def core_of(rows: Rows, least: int) -> Rows:
    while True:
        users, items = Counter(row[0] for row in rows), Counter(row[1] for row in rows)
        kept = [row for row in rows if users[row[0]] >= least and items[row[1]] >= least]
        if kept == rows:
            return kept
        rows = kept


def shop(**more: Any) -> Card:
    path = Path("shop.csv")
    frame_of(made()).write_csv(path)
    return convert(path, user="customer", item="sku", time="bought", **more)


def lines_of(path: str) -> list[list[str]]:
    return [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_all_formats_give_the_same_bytes() -> None:
    found = set()
    for name, write in WRITERS.items():
        write(frame_of(made()), Path(name))
        convert(name, user="customer", item="sku", time="bought", output="data/shop", overwrite=True)
        found.add(Path("data/shop/shop.inter").read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize("least", [0, 7, 8])
def test_rows_are_those_of_the_naive_core_by_user_and_time(least: int) -> None:
    card = shop(options=make_options(core=least))
    wanted = sorted(core_of([*dict.fromkeys(made())], least), key=lambda row: (row[0], row[2]))
    header, *rows = lines_of("dataset/shop/shop.inter")
    assert header == ["user_id:token", "item_id:token", "timestamp:float"]
    assert [(user, item, int(time)) for user, item, time in rows] == wanted
    assert 0 < len(wanted) <= 300
    counts = card["counts"]
    assert [count["interactions"] for count in counts][:2] == [320, 300]
    assert counts[-1]["interactions"] == len(wanted)


def test_a_converted_table_is_read_as_a_domain() -> None:
    shop()
    settings = {"data_path": "dataset", "gpu_id": "", "state": "ERROR"}
    domain, names = load_catalogue(PluginConfig("MetaRec", "shop", settings))
    found = {
        tuple((names[item - 1], time) for item, time in zip(domain[s], domain.times[begin:end], strict=True))
        for s, (begin, end) in enumerate(zip(domain.offsets, domain.offsets[1:], strict=False))
    }
    of_user: dict[str, list[tuple[str, float]]] = {}
    for user, item, time in sorted(dict.fromkeys(made()), key=lambda row: row[2]):
        of_user.setdefault(user, []).append((item, float(time)))
    assert found == {tuple(sequence) for sequence in of_user.values()}


def test_items_are_told_of_by_a_table_of_their_own() -> None:
    Path("catalogue.jsonl").write_text(
        "\n".join(
            json.dumps(record)
            for record in [
                {"id": "sku 1", "name": 'A <b>bold</b>\n"title"', "cost": "1.299,50 €", "tags": ["a b", "c"]},
                {"id": " sku 2", "name": None, "cost": 7},
                {"id": "sku 2", "name": "second record", "cost": 8},
                {"id": "nobody's", "name": "x", "cost": "8"},
                {"id": "sku 3", "name": "y", "cost": "on request"},
            ]
        )
    )
    fields = {"title": "name", "price": "cost", "categories": "tags"}
    card = shop(items="catalogue.jsonl", items_id="id", fields=fields)
    header, *rows = lines_of("dataset/shop/shop.item")
    assert header == ["item_id:token", "title:token_seq", "categories:token_seq", "price:float"]
    assert rows[:3] == [
        ["sku 1", "A bold ''title''", "a b c", "1299.5"],
        ["sku 2", "", "", "7.0"],
        ["sku 3", "y", "", ""],
    ]
    assert {row[0] for row in rows} == {f"sku {k}" for k in range(30)}
    assert all(row[1:] == ["", "", ""] for row in rows[3:])
    assert card["metadata"]["prices_rejected_examples"] == {"on request": 1}


def test_fields_of_items_may_stand_beside_the_interactions() -> None:
    frame_of(made()).with_columns(title=pl.col("sku") + pl.lit(" by name")).write_parquet("shop.parquet")
    convert("shop.parquet", user="customer", item="sku", time="bought", fields={"title": "title"})
    assert all(title == f"{item} by name" for item, title in lines_of("dataset/shop/shop.item")[1:])


def test_the_card_vouches_for_sources_and_files() -> None:
    card = shop()
    (source,) = card["sources"]
    assert source["sha256"] == hashlib.sha256(Path("shop.csv").read_bytes()).hexdigest()
    assert json.loads(Path("dataset/shop/shop.card.json").read_text()) == card
    for name, file in card["files"].items():
        assert file["sha256"] == hashlib.sha256(Path("dataset/shop", name).read_bytes()).hexdigest()
    readme = Path("dataset/shop/README.md").read_text()
    assert source["sha256"] in readme
    assert "from 1700" in readme
    assert "(2023-11-14)" in readme


BAD = "who,what,when,stars\n,a,2024-01-01,1\nx,NA,soon,2\ny,b,2024-02-30,many\nz,b,,1\n\nz,c,2024-01-01,5\n"


def test_all_bad_rows_are_named_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.csv").write_text(BAD)
    command = "convert bad.csv --user=who --item=what --time=when --rating=stars"
    assert main(shlex.split(command)) == 2
    instead = "write 2024-03-01 12:30, 2024-03-01T12:30:00+01:00 or seconds since 1970, and all alike"
    assert capsys.readouterr().err.splitlines() == [
        "error: bad.csv: row 1: who is empty (1 such row); each row needs one",
        "error: bad.csv: row 2: what 'NA' is a word that RecBole reads as a missing value (1 such row); write another",
        "error: bad.csv: row 4: when is empty (1 such row); each row needs a time",
        f"error: bad.csv: row 2: when 'soon' is no time (2 such rows); {instead}",
        "error: bad.csv: row 3: stars 'many' is no number (1 such row); write one as 4 or 3.5, or leave --rating out",
        "error: bad.csv: 4 of 5 rows (80.00%) cannot be read; mend them, or leave them out with --max_bad=1.0",
    ]
    assert not Path("dataset").exists()
    assert main([*shlex.split(command), "--max_bad=0.8"]) == 0
    assert lines_of("dataset/bad/bad.inter")[1:] == [["z", "c", "5.0", "1704067200"]]
    assert "- 1 row left out: who is empty" in Path("dataset/bad/README.md").read_text()


def test_all_wrong_names_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    frame_of(made()).write_csv("shop.csv")
    assert main(shlex.split("convert shop.csv --user=custmer --item=sku --time=sku --items=none.csv --title=t")) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: column sku is named for several things; each has a column of its own",
        "error: none.csv: no such file",
        "error: --user=custmer: shop.csv has no such column; it has order, customer, sku, bought; "
        "did you mean customer?",
    ]
    assert main(shlex.split("convert --users=a --item=b --core=few --zone=Berlin")) == 2
    text = capsys.readouterr().err
    for part in ("DATA: is missing", "--users: no such flag; did you mean --user", "--time: is missing", "core: 'few'"):
        assert part in text
    assert "zone: 'Berlin' must be a time zone such as Europe/Berlin or UTC" in text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"", "must end in .csv"),
        ("a.csv", b"", "the file is empty; its first line must name the columns"),
        ("a.csv", b"u,i,t\n", "has no rows"),
        ("a.csv", b"u,i,t\na,b,5,6\n", "a row has more columns than line 1, u, i, t"),
        ("a.csv", "u,i,t\nä,b,5\n".encode("latin1"), "is not UTF-8; save it as such"),
        ("a.csv", b'u,i,t\na"b,i,5\nc,d,6\n', "a quotation mark within a cell is not doubled"),
        ("a.csv.gz", gzip.compress(b"u,i,t\n" + b"a,b,5\n" * 9999)[:-20], "cannot be read"),
        ("a.jsonl", b'[{"u": 1}]\n', "line 1 is no JSON object"),
        ("a.parquet", b"none", "cannot be read: parquet"),
    ],
)
def test_files_that_are_none_are_told_in_a_line(name: str, content: bytes, said: str) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(UserError) as error:
        convert(name, user="u", item="i", time="t")
    (problem,) = error.value.problems
    assert said in problem
    assert not Path("dataset").exists()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_signs_of_patterns_in_names_are_names(ending: str) -> None:
    for name, seed in ((f"shop[1].{ending}", 0), (f"shop1.{ending}", 1)):
        WRITERS[f"shop.{ending}"](frame_of(made(seed=seed)), Path(name))
    of_pattern, other = (
        convert(name, user="customer", item="sku", time="bought", output=f"data/{seed}")["timestamps"]
        for seed, name in enumerate([f"shop[1].{ending}", f"shop1.{ending}"])
    )
    assert of_pattern != other


def test_what_others_wrote_stays_unless_told() -> None:
    Path("dataset/shop").mkdir(parents=True)
    Path("dataset/shop/shop.inter").write_text("mine")
    with pytest.raises(UserError, match="was not written by this command; --overwrite=True replaces it"):
        shop()
    assert Path("dataset/shop/shop.inter").read_text() == "mine"
    shop(overwrite=True)
    shop()  # of its own it replaces


def test_what_is_printed_goes_on_with_metarec(capsys: pytest.CaptureFixture[str]) -> None:
    frame_of(made()).write_csv("shop.csv")
    flags = "--user=customer --item=sku --time=bought --output=data/"
    assert main(shlex.split(f"convert shop.csv {flags}sister")) == 0
    assert "--source_datasets=OTHER,DOMAINS" in capsys.readouterr().out
    assert main(shlex.split(f"convert shop.csv {flags}shop")) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "  recbole-metarec run --model=MetaRec --data_path=data/ --dataset=shop --source_datasets=sister"
    )


def test_ids_that_a_gap_made_floats_are_whole() -> None:
    pl.DataFrame({"u": [1.0, 2.0, None], "i": [7, 8, 9], "t": [START, START, START]}).write_parquet("a.parquet")
    convert("a.parquet", user="u", item="i", time="t", options=make_options(max_bad=0.5))
    assert np.array(lines_of("dataset/a/a.inter"))[1:, :2].tolist() == [["1", "7"], ["2", "8"]]


def pandas_of(frame: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(frame.to_dict(as_series=False))  # polars' own way needs pyarrow


def frames_of(frame: pl.DataFrame) -> dict[str, Any]:
    """Return a frame as users may have it, of several libraries and types."""
    dates = frame.with_columns(pl.col("bought").str.to_datetime())
    missing = pandas_of(dates).astype({"customer": "category"}).reindex(range(len(frame) + 1))
    zoned = pandas_of(dates)
    zoned["bought"] = zoned["bought"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    seconds = dates.with_columns(pl.col("bought").dt.epoch("s"))
    return {
        "polars of texts": frame,
        "polars of dates": dates.with_columns(pl.col("customer").cast(pl.Categorical)),
        "pandas of texts": pandas_of(frame),
        "pandas in Tokyo, another index": zoned.set_index("order"),
        "pandas of numbers": pandas_of(seconds),
        "pandas of Python's dates": pandas_of(dates).astype({"bought": object}),
        "pandas with an empty row": missing,
    }


def test_frames_give_the_bytes_of_files() -> None:
    shop()
    wanted = Path("dataset/shop/shop.inter").read_bytes()
    for name, frame in frames_of(frame_of(made())).items():
        convert(frame, user="customer", item="sku", time="bought", output="frames/mine")
        assert Path("frames/mine/mine.inter").read_bytes() == wanted, name


def test_what_is_wrong_with_a_frame_is_named() -> None:
    frame = pandas_of(frame_of(made())).astype({"sku": object})
    frame.loc[2, "sku"] = None
    frame.loc[4, "bought"] = "soon"
    columns = {"user": "customer", "item": "sku", "time": "bought"}
    with pytest.raises(UserError) as error:
        convert(frame, **columns, output="frames/mine")
    empty, soon, *_ = error.value.problems
    assert empty == "frame mine: row 3: sku is empty (1 such row); each row needs one"
    assert soon.startswith("frame mine: row 5: bought 'soon' is no time (1 such row)")
    with pytest.raises(UserError, match="--user=custmer: frame mine has no such column; it has order, customer"):
        convert(frame, **{**columns, "user": "custmer"}, output="frames/mine")
    with pytest.raises(UserError, match="several columns sku"):
        convert(frame.rename(columns={"order": "sku"}), **columns, output="frames/mine")
    with pytest.raises(UserError, match="output: is missing"):
        convert(frame, **columns)
    assert not Path("frames").exists()
