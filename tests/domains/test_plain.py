from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.domains import plain
from recbole_metarec.domains.plain import NotPlain, read_plain

KINDS = {"user_id": "token", "item_id": "token", "timestamp": "float"}
FIELDS = list(KINDS)
GOOD = "u\ti\t1"

words = st.text(st.characters(codec="utf-8", exclude_characters='"\t\r\n\0'), min_size=1, max_size=16).filter(
    lambda word: word.strip() == word
)
numbers = st.integers(1 - 2**52, 2**52 - 1).map(lambda number: f"{Decimal(number).scaleb(-3):f}")


def written(folder, *lines, end="\n"):
    path = folder / "shop.inter"
    path.write_bytes("".join(line + end for line in ("\t".join(map(":".join, KINDS.items())), *lines)).encode())
    return path


@pytest.fixture(autouse=True, params=[1, 64, 1 << 22])
def _block_bytes(request, monkeypatch):
    monkeypatch.setattr(plain, "BLOCK_BYTES", request.param)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(words, words, numbers), min_size=1, max_size=9), st.sampled_from(["\n", "\r\n", "\n\n", "\r"])
)
def test_what_was_written_is_read(tmp_path_factory, rows, end):
    path = written(tmp_path_factory.mktemp("plain"), *map("\t".join, rows), end=end)
    if end == "\r":
        path.write_bytes(path.read_bytes().replace(b"\r", b"\n", 1))
    found = read_plain(path, KINDS, FIELDS)
    users, items, times = zip(*rows, strict=True)
    assert found["user_id"].tolist() == list(users)
    assert found["item_id"].tolist() == list(items)
    assert found["timestamp"].tolist() == [float(time) for time in times]
    assert list(found["user_id"].cat.categories) == list(dict.fromkeys(users))


def test_columns_come_as_asked_for_and_the_last_line_needs_no_end(tmp_path):
    path = written(tmp_path, "a\tx\t1", "b\tx\t2")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert read_plain(path, KINDS, ["timestamp", "user_id"]).values.tolist() == [[1.0, "a"], [2.0, "b"]]


@pytest.mark.parametrize("text", ["0", "-0", "007", "1.", ".5", "-.5", "1600000000.123456", "9007199254740991"])
def test_numbers_are_read_exactly(tmp_path, text):
    (found,) = read_plain(written(tmp_path, f"u\ti\t{text}"), KINDS, FIELDS)["timestamp"]
    assert found == float(text)
    assert math.copysign(1, found) == math.copysign(1, float(text))


LINES = [
    "",
    "u\ti",
    "u\ti\t1\t",
    "u\ti\t1\t2",
    "u\t\t1",
    " \ti\t1",
    " u\ti\t1",
    "u\ti \t1",
    "u\ti\t",
    '"u\ti\t1',
    "u\t\0\t1",
]
LINES.append("u\t" + "i" * 300 + "\t1")
NUMBERS = ["x", "1e3", "nan", "inf", "1-2", "1.2.3", "-", ".", "-.", " 1", "+1", "1_0", "0x1"]
INEXACT = ["9007199254740992", "900719925474099.1", "9007199254740993", "1600000000.1234567", "0." + "0" * 30 + "1"]


@pytest.mark.parametrize("line", [*LINES, *(f"u\ti\t{text}" for text in NUMBERS + INEXACT)])
def test_what_is_not_plain_is_refused(tmp_path, line):
    path = written(tmp_path, *([GOOD, line, GOOD] if line else []))
    with pytest.raises(NotPlain):
        read_plain(path, KINDS, FIELDS)


def test_text_that_is_not_utf_8_is_refused_even_where_it_is_not_asked_for(tmp_path):
    path = written(tmp_path, GOOD)
    path.write_bytes(path.read_bytes() + b"u\t\xe9\t1\n")
    with pytest.raises(NotPlain):
        read_plain(path, KINDS, ["user_id", "timestamp"])


@pytest.mark.parametrize("options", [{"separator": "::"}, {"separator": "é"}, {"encoding": "latin-1"}])
def test_other_formats_are_refused(tmp_path, options):
    with pytest.raises(NotPlain):
        read_plain(written(tmp_path, GOOD), KINDS, FIELDS, **options)


def test_tokens_with_one_hash_are_refused_rather_than_mixed_up(tmp_path, monkeypatch):
    factorize = plain.pd.factorize
    monkeypatch.setattr(plain.pd, "factorize", lambda hashes: factorize(hashes * 0))
    with pytest.raises(NotPlain):
        read_plain(written(tmp_path, "a\ti\t1", "b\ti\t2"), KINDS, FIELDS)
