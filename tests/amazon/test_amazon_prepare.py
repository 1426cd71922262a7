import errno
import gzip
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_metarec.amazon import make_options, prepare
from recbole_metarec.cli.main import main
from recbole_metarec.errors import UserError

from .dumps import review, review_of_2023, rows_of

Dump = Callable[..., Path]

REVIEWS = [review("A1", "B1", 30), review("A1", "B2", 10), review("A2", "B1", 20, 3.0), review("A2", "B3", 20)]
META_2018 = [
    {"asin": "B1", "title": 'A "quoted" <b>one</b>', "category": ["Gift Cards", "Gift Cards", "Email"],
     "brand": "by\n\n  Me", "price": "$1,299.00", "imageURLHighRes": ["https://a.b/1.jpg"], "description": ["x\ty"]},
    {"asin": "B1", "title": "again", "main_cat": "x"},
    {"asin": "B2", "title": "", "category": [], "main_cat": "Gifts", "price": ".a{b:c}",
     "brand": "Visit Amazon's Ann Page"},
    {"asin": "B9", "title": "nobody has it", "main_cat": "x"},
]  # fmt: skip
DIALECTS: dict[str, tuple[int, list[object]]] = {
    "reviews_Beauty_5.json": (2014, [review("A1", "B1", 7, helpful=[0, 1])]),
    "reviews_Beauty.json.gz": (2014, [repr(review("A1", "B1", 7, helpful=[0, 1]))]),
    "ratings_Beauty.csv": (2014, ["A39HTATAQ9V7YF,0205616461,5.0,7"]),
    "Gift_Cards_5.json.gz": (2018, [review("A1", "B1", 7)]),
    "Gift_Cards.csv": (2018, ["0205616461,A39HTATAQ9V7YF,5.0,7"]),
    "Gift_Cards.jsonl.gz": (2023, [review_of_2023("A1", "B1", 7, 5.0)]),
    "Gift_Cards.csv.gz": (2023, ["user_id,parent_asin,rating,timestamp", "A1,B1,5.0,7"]),
    "Books.train.csv": (2023, ["user_id,parent_asin,rating,timestamp,history", "A1,B1,5.0,7,B3 B4"]),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_the_content_tells_the_vintage(name: str, dump: Dump, tmp_path: Path) -> None:
    vintage, lines = DIALECTS[name]
    path = dump(name, lines)
    card = prepare(path, output=tmp_path / "out", name="x")
    assert card["vintage"] == vintage
    assert card["timestamps"] == {"unit": "ms" if vintage == 2023 else "s", "first": 7, "last": 7}
    (row,) = rows_of(tmp_path / "out/x/x.inter")
    assert row[2:] == ["5.0", "7"]
    other = 2018 if vintage != 2018 else 2014
    with pytest.raises(UserError, match=rf"this is {vintage} \w+, not {other}; leave --vintage out"):
        prepare(path, output=tmp_path, vintage=other)  # type: ignore[arg-type]


def test_the_name_is_recboles(dump: Dump, tmp_path: Path) -> None:
    assert (
        prepare(dump("reviews_Beauty_5.json", [review("A1", "B1", helpful=1)]), output=tmp_path)["name"]
        == "amazon-beauty"
    )
    assert prepare(dump("Gift_Cards_5.json", REVIEWS), output=tmp_path)["name"] == "amazon-gift-cards-18"


def test_order_items_and_card(dump: Dump, tmp_path: Path) -> None:
    card = prepare(dump("Gift_Cards_5.json.gz", REVIEWS), dump("meta.json", META_2018), output=tmp_path)
    folder = tmp_path / "amazon-gift-cards-18"
    assert rows_of(folder / "amazon-gift-cards-18.inter") == [
        ["A1", "B2", "5.0", "10"],
        ["A2", "B1", "3.0", "20"],
        ["A2", "B3", "5.0", "20"],
        ["A1", "B1", "5.0", "30"],
    ]
    assert rows_of(folder / "amazon-gift-cards-18.item") == [
        ["B1", "A ''quoted'' one", "Gift Cards Email", "Me", "1299.0", "https://a.b/1.jpg", "x y"],
        ["B2", "", "Gifts", "Ann", "", "", ""],
        ["B3", "", "", "", "", "", ""],
    ]
    metadata = card["metadata"]
    assert (metadata["items"], metadata["with_record"], metadata["repeated_records"]) == (3, 2, 1)
    assert metadata["coverage"]["title"] == {"items": 1, "share": 0.3333}
    assert (metadata["prices_rejected"], metadata["prices_rejected_examples"]) == (1, {"program code": 1})
    assert card == json.loads((folder / "amazon-gift-cards-18.card.json").read_text())
    for name, file in card["files"].items():
        data = (folder / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    assert card["sources"][0]["sha256"] == hashlib.sha256((tmp_path / "Gift_Cards_5.json.gz").read_bytes()).hexdigest()
    assert "| reading | 2 | 3 | 4 |" in (folder / "README.md").read_text()


def test_metadata_of_2014_and_2023(dump: Dump, tmp_path: Path) -> None:
    old = {"asin": "B1", "title": "T", "categories": [["Beauty", "Hair"], ["Beauty"]], "price": 3.17, "brand": "Br",
           "imUrl": "http://a.b/c.jpg", "description": "D"}  # fmt: skip
    prepare(dump("r.json", [review("A1", "B1", helpful=1)]), dump("m.json", [repr(old)]), output=tmp_path, name="old")
    assert rows_of(tmp_path / "old/old.item") == [["B1", "T", "Beauty Hair", "Br", "3.17", "http://a.b/c.jpg", "D"]]
    pictures = [{"large": "https://a/2", "variant": "PT01"}, {"thumb": "https://a/1", "large": None, "variant": "MAIN"}]
    new = {"parent_asin": "B1", "title": "T", "categories": [], "main_category": "All Beauty", "price": "from 3.5",
           "store": "St", "images": pictures, "description": ["D", "E"]}  # fmt: skip
    prepare(
        dump("r.jsonl", [review_of_2023("A1", "B1", 1)]),
        dump("m.jsonl", [new]),
        output=tmp_path,
        name="new",
        options=make_options(categories="tokens"),
    )
    assert rows_of(tmp_path / "new/new.item") == [
        ["B1", "T", "All_Beauty", "St", "3.5", "https://a/1 https://a/2", "D E"]
    ]


def test_the_same_bytes_again_and_from_gzip_or_plain(dump: Dump, tmp_path: Path) -> None:
    meta = dump("meta.json.gz", META_2018)
    contents = []
    for name in ("R_5.json.gz", "R_5.json.gz", "R_5.json"):
        prepare(dump(name, REVIEWS), meta, output=tmp_path / "out", name="x")
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "out/x").iterdir()})
    assert contents[0] == contents[1]
    assert contents[0]["x.inter"] == contents[2]["x.inter"]
    assert len(contents[0]) == 4


def test_presets(dump: Dump, tmp_path: Path) -> None:
    # users u0-u4 and items i0-i4 are a 5-core; B9 has no metadata; user v has 5 reviews, 4 of them on rare items
    rows = [review(f"u{u}", f"i{i}", u + i) for u in range(5) for i in range(5)]
    rows += [rows[0], review("u0", "B9", 50), *(review("v", f"j{k}", 60 + k) for k in range(4)), review("v", "i0", 70)]
    reviews = dump("R_5.json", rows)
    meta = dump("m.json", [{"asin": name, "main_cat": "x"} for name in [*(f"i{i}" for i in range(5)), "j0"]])
    expected = {"raw": 32, "unisrec": 25, "sasrec": 27, "p5": 26}
    for preset, n_rows in expected.items():
        card = prepare(reviews, meta, output=tmp_path / "out", name=preset, preset=preset)
        assert card["counts"][-1]["interactions"] == n_rows, preset
        assert card["preset"] == preset
        assert f"Preset `{preset}`" in (tmp_path / "out" / preset / "README.md").read_text()
    with pytest.raises(UserError, match="require_meta: needs the metadata"):
        prepare(reviews, output=tmp_path / "out", name="y", preset="unisrec")
    options = make_options("unisrec", require_meta=False, max_bad=0.5)
    card = prepare(reviews, output=tmp_path / "out", name="y", preset="unisrec", options=options)
    assert card["preset_changes"] == {"require_meta": False, "max_bad": 0.5}


def test_bad_lines_are_counted_or_stop(dump: Dump, tmp_path: Path) -> None:
    lines: list[object] = [*REVIEWS, "", '{"reviewerID": "A1", "as', review("A 1", "B1"), {"asin": "B1"}, *REVIEWS]
    path = dump("R_5.json", lines)
    with pytest.raises(UserError) as error:
        prepare(path, output=tmp_path / "out")
    first, *examples = error.value.problems
    assert "3 of 11 lines (27.27%) are bad: 1 not JSON" in first
    assert "--max_bad=0.5" in first
    assert examples[0].startswith(f"{path}: line 6: not JSON")
    assert not (tmp_path / "out").exists()
    card = prepare(path, output=tmp_path / "out", name="x", options=make_options(max_bad=0.3))
    assert card["sources"][0]["lines"] == 11
    assert sum(card["sources"][0]["bad_lines"].values()) == 3
    assert card["counts"][0]["interactions"] == 8


def test_bad_metadata_stops_and_leaves_nothing(dump: Dump, tmp_path: Path) -> None:
    meta = dump("m.json", [META_2018[0], "{", "{"])
    with pytest.raises(UserError, match=r"m.json: 2 of 3 lines .* are bad: 2 not JSON"):
        prepare(dump("R_5.json", REVIEWS), meta, output=tmp_path / "out", name="x")
    assert list((tmp_path / "out/x").iterdir()) == []


@pytest.mark.parametrize("cut", [30, 200, -5])
def test_truncated_gzip(dump: Dump, tmp_path: Path, cut: int) -> None:
    path = dump("R_5.json.gz", REVIEWS * 500)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match="the gzip data break off, the download was not complete"):
        prepare(path, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_and_joined_gzip(dump: Dump, tmp_path: Path) -> None:
    path = dump("R_5.json.gz", REVIEWS)
    data = path.read_bytes()
    path.write_bytes(data + gzip.compress(json.dumps(REVIEWS[0]).encode()) + b"\0\0")
    assert prepare(path, output=tmp_path / "out", name="x")["counts"][0]["interactions"] == 5
    path.write_bytes(data[:-8] + bytes(8))
    with pytest.raises(UserError, match="damaged gzip data"):
        prepare(path, output=tmp_path / "out")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "no line but blank ones"),
        (b"<!DOCTYPE html>", "a web page, most likely a failed download"),
        (b"PK\x03\x04....", "a zip archive; unpack it first"),
        (b"hello\nworld\n", "neither reviews, ratings nor metadata"),
        (b"1,2,3,4\n", "neither reviews, ratings nor metadata"),
        (b'{"asin": "B1", "title": "T", "main_cat": "x"}', "this is 2018 metadata, not reviews"),
    ],
)
def test_foreign_files(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(UserError, match=message):
        prepare(path, output=tmp_path)
    with pytest.raises(UserError, match="no such file"):
        prepare(tmp_path / "absent", output=tmp_path)


def test_every_problem_of_the_inputs_at_once(dump: Dump, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        prepare(tmp_path / "absent", dump("R_5.json", REVIEWS), output=tmp_path)
    assert [problem.rpartition("/")[2].split(";")[0] for problem in error.value.problems] == [
        "absent: no such file or directory",
        "R_5.json: this is 2018 reviews, not metadata",
    ]
    with pytest.raises(UserError, match="give files of one vintage"):
        prepare(dump("R_5.json", REVIEWS), dump("m.jsonl", [{"parent_asin": "B1"}]), output=tmp_path)


def test_crlf_bom_and_no_last_line_end(tmp_path: Path) -> None:
    path = tmp_path / "ratings_Beauty.csv"
    path.write_bytes("\ufeffA39HTATAQ9V7YF,0205616461,5.0,7\r\nA39HTATAQ9V7YF,0205616462,4.0,8".encode())
    prepare(path, output=tmp_path)
    assert rows_of(tmp_path / "amazon-beauty/amazon-beauty.inter")[1] == ["A39HTATAQ9V7YF", "0205616462", "4.0", "8"]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("point", ["write", "fsync", "interrupt"])
def test_a_full_disk_or_an_interruption_leaves_what_was_there(
    point: str, dump: Dump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviews, meta, output = dump("R_5.json", REVIEWS), dump("m.json", META_2018), tmp_path / "out"
    prepare(reviews, meta, output=output, name="x")
    before = snapshot(output)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt if point == "interrupt" else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    where = "fsync" if point == "fsync" else "write"
    monkeypatch.setattr(f"recbole_metarec.datasets.output.{'os.' if where == 'fsync' else 'OutputFile.'}{where}", fail)
    dump("R_5.json", REVIEWS[1:])
    with pytest.raises(
        KeyboardInterrupt if point == "interrupt" else UserError,
        match=None if point == "interrupt" else "no space left",
    ):
        prepare(reviews, meta, output=output, name="x")
    assert snapshot(output) == before


def test_nothing_of_others_is_replaced(dump: Dump, tmp_path: Path) -> None:
    reviews, meta, folder = dump("R_5.json", REVIEWS), dump("m.json", META_2018), tmp_path / "x"
    folder.mkdir()
    (folder / "x.inter").write_text("mine")
    (folder / "x.text.npz").write_text("features")
    with pytest.raises(UserError, match=r"x.inter: was not written by this command; --overwrite=True replaces it"):
        prepare(reviews, output=tmp_path, name="x")
    assert (folder / "x.inter").read_text() == "mine"
    prepare(reviews, meta, output=tmp_path, name="x", overwrite=True)
    (folder / "README.md").write_text("my notes")
    with pytest.raises(UserError, match=r"README\.md: was changed since it was written"):
        prepare(reviews, output=tmp_path, name="x")
    prepare(reviews, output=tmp_path, name="x", overwrite=True)
    assert not (folder / "x.item").exists()  # it would belong to another run
    assert (folder / "x.text.npz").read_text() == "features"
    with pytest.raises(UserError, match="must be a plain folder name"):
        prepare(reviews, output=tmp_path, name="../x")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_whatever_comes_it_is_converted_or_refused(tmp_path: Path, noise: bytes, packed: bool, first: bool) -> None:
    good = "".join(json.dumps(row) + "\n" for row in REVIEWS).encode()
    data = noise + b"\n" + good if first else good + noise
    (tmp_path / "R_5.json").write_bytes(gzip.compress(data) if packed else data)
    try:
        card = prepare(tmp_path / "R_5.json", output=tmp_path / "out", name="x", options=make_options(max_bad=1))
    except UserError:
        return
    assert card["counts"][0]["interactions"] >= 4
    assert (
        card["counts"][0]["interactions"] + sum(card["sources"][0]["bad_lines"].values()) == card["sources"][0]["lines"]
    )


RAW = {
    "2018/AMAZON_FASHION_5.json.gz": (("reviewerID", "asin", "unixReviewTime"), "amazon-fashion-18"),
    "2018/All_Beauty_5.json.gz": (("reviewerID", "asin", "unixReviewTime"), "amazon-all-beauty-18"),
    "2018/Gift_Cards_5.json.gz": (("reviewerID", "asin", "unixReviewTime"), "amazon-gift-cards-18"),
    "2023/Musical_Instruments.jsonl.gz": (("user_id", "parent_asin", "timestamp"), "amazon-musical-instruments-23"),
}


@pytest.mark.parametrize("file", RAW)
def test_real_dumps_against_a_naive_reader(file: str, shared: Path, tmp_path: Path) -> None:
    (user, item, time), name = RAW[file]
    with gzip.open(shared / "raw" / file, "rt", encoding="utf-8") as lines:
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    records.sort(key=lambda record: record[time])
    card = prepare(shared / "raw" / file, output=tmp_path)
    assert card["name"] == name
    assert rows_of(tmp_path / name / f"{name}.inter") == [
        [record[user], record[item], str(record.get("overall", record.get("rating"))), str(record[time])]
        for record in records
    ]
    pairs = Counter((record[user], record[item]) for record in records)
    assert card["repeated_pairs"] == sum(pairs.values()) - len(pairs)
    assert card["counts"] == [
        {
            "step": "reading",
            "users": len({record[user] for record in records}),
            "items": len({record[item] for record in records}),
            "interactions": len(records),
        }
    ]


def test_real_metadata(shared: Path, tmp_path: Path) -> None:
    folder = shared / "raw/2018"
    card = prepare(
        folder / "Gift_Cards_5.json.gz", folder / "meta_Gift_Cards.json.gz", output=tmp_path, preset="unisrec", name="x"
    )
    with gzip.open(folder / "meta_Gift_Cards.json.gz", "rt", encoding="utf-8") as lines:
        titles = {record["asin"]: record["title"] for record in map(json.loads, lines)}
    items = rows_of(tmp_path / "x/x.item")
    assert len(items) == card["metadata"]["items"] == card["counts"][-1]["items"]
    assert all(row[1] for row in items)
    plain = [row for row in items if not {*'<&"'} & {*titles[row[0]]}]
    assert len(plain) > 100
    assert all(row[1] == " ".join(titles[row[0]].split()) for row in plain)


def test_command_line(dump: Dump, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reviews, meta = dump("Gift_Cards_5.json.gz", REVIEWS), dump("m.json", META_2018)
    words = ["amazon", "prepare", str(reviews), f"--meta={meta}", f"--output={tmp_path}", "--k_core=1", "--max_bad=0.5"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "amazon-gift-cards-18" in out
    assert "4 interactions" in out
    assert "1-core to the fixed point" in out


@pytest.mark.parametrize(
    ("words", "problems"),
    [
        (["prepair"], ["prepair: no such command; write one of prepare, download, import, list"]),
        (["prepare"], ["REVIEWS: is missing; give a raw file, or --vintage and --category to download one"]),
        (["prepare", "a", "--k-core", "5"], ["--k-core: no such flag; did you mean --k_core"]),
        (
            ["prepare", "a", "b", "--nam=x", "--zzz=1"],
            [
                "--nam: no such flag; did you mean --name?",
                "--zzz: no such flag; there are --",
                "b: one argument too many",
            ],
        ),
        (
            ["prepare", "a", "--k_core=x", "--preset=y", "--vintage=1999", "--overwrite=1"],
            ["preset: 'y' is none", "k_core: 'x' must be", "overwrite: '1' must be", "vintage: '1999' is none"],
        ),
        (["prepare", "--category=Books"], ["--vintage: is missing"]),
        (["prepare", "a", "--category=Books", "--vintage=2018"], ["--category: leave it out"]),
        (["download", "--vintage=2018", "--category=Beauti"], ["category: 2018 has no 'Beauti'; did you mean"]),
        (["download"], ["--category: is missing", "--vintage: is missing"]),
        (["download", "--vintage=2018", "--category=Books", "--kind=text"], ["kind: 'text' is none"]),
        (["import", "--name=x"], ["FOLDER or TEXT: is missing"]),
        (["import", "absent", "--name=x"], ["absent: no such file"]),
        (["list", "--vintage=1999"], ["vintage: '1999' is none; write one of 2014, 2018, 2023"]),
    ],
)
def test_mistakes_on_the_command_line(
    words: list[str],
    problems: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["amazon", *words]) == 2
    lines = [line.removeprefix("error: ") for line in capsys.readouterr().err.splitlines()]
    for problem in problems:
        assert any(line.startswith(problem) for line in lines), (problem, lines)
    assert list(tmp_path.iterdir()) == []


def test_interruption_on_the_command_line(
    dump: Dump, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recbole_metarec.amazon.convert.read_reviews", interrupt)
    assert main(["amazon", "prepare", str(dump("R_5.json", REVIEWS))]) == 130
    assert "what was there is unchanged" in capsys.readouterr().err


def test_all_mistakes_of_a_command_are_named_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = str(tmp_path / "nowhere.gz")
    assert (
        main(["amazon", "prepare", nowhere, "--k_core=x", "--dedupp=none", "--overwrite=maybe", "--meta=none.gz"]) == 2
    )
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("error: ").partition(":")[0] for line in lines] == [
        "--dedupp",
        "k_core",
        "overwrite",
        nowhere,
        "none.gz",
    ]
    assert list(tmp_path.iterdir()) == []
