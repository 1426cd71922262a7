import json
import string

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas._libs.parsers import STR_NA_VALUES

from recbole_metarec.amazon.layouts import Layout
from recbole_metarec.amazon.records import MISSING, BadLine, check_row, read_record, read_row
from recbole_metarec.amazon.reviews import _read_block
from recbole_metarec.datasets.interactions import encode
from recbole_metarec.datasets.lines import LineReport

OLD = Layout(2018, "reviews", ("reviewerID", "asin", "overall", "unixReviewTime"))
CSV = Layout(2014, "ratings", OLD.keys, OLD.keys)


def test_missing_words_are_those_of_pandas() -> None:
    assert MISSING == STR_NA_VALUES


@pytest.mark.parametrize(
    "line",
    [
        b'{"asin": "B1", "price": 3.17}',
        b"{'asin': 'B1', 'price': 3.17}",
        b"{'asin': u'B1', 'price': 3.17}\r",
        b'  {"asin": "B1", "price": 3.17}  ',
    ],
)
def test_json_and_python_literals(line: bytes) -> None:
    assert read_record(line) == {"asin": "B1", "price": 3.17}


def test_python_literal_with_quotes_and_latin_1() -> None:
    assert read_record(b"""{'title': "Men's \xe9"}""")["title"] == "Men's �"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"asin": "B1", "overall"', "not JSON"),
        (b"[1]", "not an object"),
        (b"{'a': open('x')}", "not JSON"),
        (b"{" * 5000 + b"}" * 5000, "not JSON"),
        (b"\x00\xff", "not JSON"),
        (b'{"reviewerID": "A"}', "no item id"),
        (b'{"asin": "B"}', "no user id"),
        (b'{"reviewerID": "A", "asin": "B", "unixReviewTime": 1}', "no rating"),
        (b'{"reviewerID": "A", "asin": "B", "overall": 5}', "no timestamp"),
        (b'{"reviewerID": 7, "asin": "B", "overall": 5, "unixReviewTime": 1}', "user id is no text"),
    ],
)
def test_bad_lines_have_a_reason(line: bytes, reason: str) -> None:
    with pytest.raises(BadLine, match=reason):
        read_row(line, OLD)


@pytest.mark.parametrize("name", ["a b", 'a"b', "a\tb", "\n", "NA", "null", "\x85", "\ud800", "a\u2028"])
def test_identities_that_recbole_would_not_read_back(name: str) -> None:
    with pytest.raises(BadLine, match="user id"):
        check_row(name, "B", 5, 1)


@pytest.mark.parametrize("rating", [True, "five", -1, 5.5, float("nan"), [5], {}, 10**400])
def test_ratings_out_of_range(rating: object) -> None:
    with pytest.raises(BadLine, match="rating"):
        check_row("A", "B", rating, 1)


@pytest.mark.parametrize("time", [True, "soon", -1, 1.5, 2**53, float("inf"), [1], 10**400])
def test_times_out_of_range(time: object) -> None:
    with pytest.raises(BadLine, match="timestamp"):
        check_row("A", "B", 5, time)


@pytest.mark.parametrize("time", [1590105899190, "1590105899190", 1590105899190.0, "1590105899190.0"])
def test_times_in_other_types(time: object) -> None:
    assert check_row("A", "B", "4.0", time) == ("A", "B", 4.0, 1590105899190)


@pytest.mark.parametrize("line", [b"A1,B1,5.0,1400000000", b'"A1","B1",5.0,1400000000\r'])
def test_comma_separated(line: bytes) -> None:
    assert read_row(line, CSV) == ("A1", "B1", 5.0, 1400000000)
    with pytest.raises(BadLine, match="columns"):
        read_row(b"A1,B1,5.0", CSV)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10),
    st.integers(),
    st.floats(),
    st.sampled_from([1.0, 5.0, "A1", "B2", "NA", "", "5", "1400000000", 1400000000, "a b"]),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)
objects = st.dictionaries(st.sampled_from([*OLD.keys, "reviewText"]), values)
lines = st.one_of(
    objects.map(lambda record: json.dumps(record).encode()),
    objects.map(lambda record: repr(record).encode("utf-8", "replace")),
    objects.map(lambda record: json.dumps(record).encode()[:-3]),
    st.binary(max_size=40).filter(lambda line: b"\n" not in line),
    st.text(string.printable, max_size=40).map(lambda text: text.replace("\n", "").encode()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, max_size=6), st.sampled_from([OLD, CSV]))
def test_a_block_is_its_lines_one_by_one(block: list[bytes], layout: Layout) -> None:
    report = LineReport()
    users, items, ratings, times = _read_block(block, layout, report, 0)
    expected = []
    n_bad = n_lines = 0
    for line in block:
        if line.strip():
            n_lines += 1
            try:
                expected.append(tuple(read_row(line, layout)))
            except BadLine:
                n_bad += 1
    assert list(zip(users, items, ratings.tolist(), times.tolist(), strict=True)) == expected
    assert (report.lines, report.bad.total()) == (n_lines, n_bad)


@settings(max_examples=200, deadline=None)
@given(st.lists(objects, min_size=1, max_size=5))
def test_usual_blocks_agree_too(records: list[dict[str, object]]) -> None:
    good = {"reviewerID": "A1", "asin": "B2", "overall": 5.0, "unixReviewTime": 1400000000}
    block = [json.dumps({**good, **record}).encode() for record in records]
    users, *_ = _read_block(block, OLD, LineReport(), 0)
    n_good = 0
    for line in block:
        try:
            read_row(line, OLD)
            n_good += 1
        except BadLine:
            pass
    assert len(users) == n_good


def test_strict_and_lenient_json_agree() -> None:
    line = b'{"asin": "\\ud800", "n": NaN}'
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(line)
    assert read_record(line)["asin"] == "\ud800"


@pytest.mark.parametrize("hashes", [None, [1, 1, 1, 1]])
def test_names_get_numbers_even_if_their_hashes_are_one(
    hashes: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = pl.Series(["b", "a", "c", "a"])
    if hashes:
        monkeypatch.setattr(pl.Series, "hash", lambda self: pl.Series(hashes))
    codes, distinct = encode(names)
    assert distinct.gather(codes).to_list() == names.to_list()
    assert len(distinct) == 3


def test_no_names() -> None:
    assert encode(pl.Series(dtype=pl.String))[0].tolist() == []
