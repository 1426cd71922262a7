from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.domains.atomic import check_rows, read_interactions
from recbole_metarec.domains.header import read_header
from recbole_metarec.domains.missing import MISSING
from recbole_metarec.errors import UserError

FIELDS = ["user_id", "item_id", "timestamp"]
FORMAT = "\t", "utf-8"
TOO_MANY = "more than 3 columns; a separator at the end of a line begins one, too"
HEADER = "user_id:token\titem_id:token\ttimestamp:float"

printable = st.text(st.characters(codec="utf-8", exclude_characters='"\t\r\n\0', exclude_categories=("C",)), min_size=1)
ids = printable.filter(lambda word: word.strip() == word and word not in MISSING)
numbers = st.floats(allow_nan=False, allow_infinity=False)


def written(folder, *lines, header=HEADER, encoding="utf-8", end="\n"):
    path = folder / "shop.inter"
    path.write_bytes("".join(line + end for line in (header, *lines)).encode(encoding))
    return path


def problems(read, *arguments, **options):
    """Lines of the one error that is allowed; each names the file."""
    with pytest.raises(UserError) as caught:
        read(*arguments, **options)
    found = caught.value.problems
    assert str(caught.value).splitlines() == list(found)
    assert all(line.startswith(str(arguments[0])) for line in found)
    return [line.removeprefix(f"{arguments[0]}: ") for line in found]


# What is fine --------------------------------------------------------------------------------------------------------


def test_interactions_come_in_the_order_of_the_file_and_of_the_fields_asked_for(tmp_path):
    header = "user_id:token\titem_id:token\tnote:token_seq\tt:float"
    path = written(tmp_path, "b\t2\tx y\t3.5", "a\t1\t\t-1", "b\t1\tz\t1e3", header=header)
    found = read_interactions(path, ["item_id", "user_id", "t"])
    assert list(found.columns) == ["item_id", "user_id", "t"]
    assert found.values.tolist() == [["2", "b", 3.5], ["1", "a", -1.0], ["1", "b", 1000.0]]
    assert found["t"].dtype == float


@pytest.mark.parametrize("token", ["na", "NAN", "nil", "none", "007", "1.0", "1e5", "True", "#x", "x y", "é", "-"])
def test_tokens_stay_as_they_are_written(tmp_path, token):
    found = read_interactions(written(tmp_path, f"{token}\t{token}\t1"), FIELDS)
    assert found.values.tolist() == [[token, token, 1.0]]


@pytest.mark.parametrize("stamp", [1600000000123, 2**53 - 1, 0, -5, 1600000000.123457])
def test_timestamps_are_exact(tmp_path, stamp):
    assert read_interactions(written(tmp_path, f"u\ti\t{stamp!r}"), FIELDS)["timestamp"].tolist() == [float(stamp)]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(ids, ids, numbers), min_size=1, max_size=6))
def test_what_was_written_is_read(tmp_path_factory, rows):
    path = written(tmp_path_factory.mktemp("atomic"), *(f"{user}\t{item}\t{time!r}" for user, item, time in rows))
    found = read_interactions(path, FIELDS)
    assert found[FIELDS[:2]].values.tolist() == [[user, item] for user, item, _ in rows]
    assert found["timestamp"].tolist() == pytest.approx([time for *_, time in rows], rel=1e-15)


@pytest.mark.parametrize("options", [{"end": "\r\n"}, {"encoding": "latin-1"}])
def test_line_ends_and_encodings_of_other_systems_are_read(tmp_path, options):
    path = written(tmp_path, "é\ti\t1", "u\tj\t2", **options)
    found = read_interactions(path, FIELDS, encoding=options.get("encoding", "utf-8"))
    assert found.values.tolist() == [["é", "i", 1.0], ["u", "j", 2.0]]


def test_another_separator_is_read(tmp_path):
    path = written(tmp_path, "u,i,1", header=HEADER.replace("\t", ","))
    assert read_interactions(path, FIELDS, separator=",").values.tolist() == [["u", "i", 1.0]]


def test_a_last_line_without_an_end_counts(tmp_path):
    path = written(tmp_path, "u\ti\t1")
    path.write_bytes(path.read_bytes().rstrip(b"\n") + b"\nv\tj\t2")
    assert len(read_interactions(path, FIELDS)) == 2


def test_a_header_names_fields_and_types_in_order(tmp_path):
    path = written(tmp_path, header="b:token\ta:float\tc:token_seq\td:float_seq")
    assert list(read_header(path).items()) == [("b", "token"), ("a", "float"), ("c", "token_seq"), ("d", "float_seq")]


# The file and its first line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_header, lambda path: read_interactions(path, FIELDS)])
def test_a_missing_file_is_named(tmp_path, read):
    assert problems(read, tmp_path / "no.inter") == ["no such file"]
    assert problems(read, tmp_path) == ["cannot be read: is a directory"]


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("read", [read_header, lambda path: read_interactions(path, FIELDS)])
def test_an_empty_file_is_named(tmp_path, read, content):
    path = tmp_path / "shop.inter"
    path.write_bytes(content)
    (found,) = problems(read, path)
    assert found.startswith("the file is empty")


def test_a_file_without_interactions_is_named(tmp_path):
    assert problems(read_interactions, written(tmp_path), FIELDS) == ["no interactions below line 1"]


@pytest.mark.parametrize(
    "column", ["user_id", "user_id:", "user_id:int", ":token", "", "user_id:token:token", "user_id: token"]
)
def test_a_column_that_is_not_name_and_type_is_named(tmp_path, column):
    (found,) = problems(read_header, written(tmp_path, header=f"a:float\t{column}"))
    assert found.startswith(f"line 1: column {column!r} must be name:type")
    assert all(kind in found for kind in ("token", "float", "token_seq", "float_seq"))


@pytest.mark.parametrize("again", ["user_id:token", "user_id:float"])
def test_a_field_that_stands_there_twice_is_named(tmp_path, again):
    found = problems(read_header, written(tmp_path, header=f"user_id:token\titem_id:token\t{again}"))
    assert found == ["line 1: field 'user_id' stands there twice"]


def test_all_problems_of_the_first_line_are_reported_at_once(tmp_path):
    found = problems(read_header, written(tmp_path, header="a\tb:token\tb:token\tc:int"))
    assert [line.split("'")[1] for line in found] == ["a", "b", "c:int"]


def test_every_missing_field_is_named_with_what_there_is(tmp_path):
    path = written(tmp_path, "u\ti\t1")
    found = problems(read_interactions, path, ["user", "item_id", "time"])
    assert [line.split("'")[1] for line in found] == ["user", "time"]
    assert all(line.endswith("line 1 has user_id:token, item_id:token, timestamp:float") for line in found)


def test_another_separator_in_the_file_is_reported_as_a_bad_first_line(tmp_path):
    path = written(tmp_path, "u,i,1", header=HEADER.replace("\t", ","))
    (found,) = problems(read_interactions, path, FIELDS)
    assert found.startswith("line 1: column")


# The lines below -----------------------------------------------------------------------------------------------------

GOOD = "u\ti\t1"


@pytest.mark.parametrize(("line", "field"), [("\ti\t1", "user_id"), ("u\t\t1", "item_id")])
def test_a_blank_id_is_named_with_its_first_line(tmp_path, line, field):
    path = written(tmp_path, GOOD, GOOD, line, GOOD, line)
    assert problems(read_interactions, path, FIELDS) == [f"line 4: {field} is blank (2 such lines)"]


@pytest.mark.parametrize("token", ["u ", " u", "u\u00a0"])
def test_an_id_with_a_blank_around_it_is_named_with_its_first_line(tmp_path, token):
    (found,) = problems(read_interactions, written(tmp_path, GOOD, f"{token}\ti\t1", f"{token}\ti\t2"), FIELDS)
    assert found.startswith(f"line 3: user_id {token!r} begins or ends with a blank")
    assert found.endswith("(2 such lines)")


def test_only_the_first_two_fields_must_not_be_blank(tmp_path):
    path = written(tmp_path, "u\ti\t", header="user_id:token\titem_id:token\tnote:token")
    assert read_interactions(path, ["user_id", "item_id", "note"]).values.tolist() == [["u", "i", ""]]


@pytest.mark.parametrize("value", ["x", "", "nan", "NA", "inf", "-inf", "1e999", "2020-01-01", "1,5", "1 2", "0x10"])
def test_a_timestamp_that_is_no_finite_number_is_named_with_its_first_line(tmp_path, value):
    path = written(tmp_path, GOOD, f"u\ti\t{value}", GOOD, f"u\ti\t{value}")
    expected = f"line 3: timestamp {value!r} is not a finite number (2 such lines)"
    assert problems(read_interactions, path, FIELDS) == [expected]


def test_a_line_that_ends_early_is_named(tmp_path):
    (found,) = problems(read_interactions, written(tmp_path, GOOD, "u\ti", GOOD), FIELDS)
    assert found.startswith("line 3: timestamp")
    found = problems(read_interactions, written(tmp_path, GOOD, GOOD, "u"), FIELDS)
    assert [line.split(" is ")[0] for line in found] == ["line 4: item_id", "line 4: timestamp ''"]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("surplus", ["\tx", "\tx\ty", "\tx\ty\tz"])
def test_a_line_with_too_many_columns_is_named(tmp_path, at, surplus):
    lines = [GOOD, GOOD, GOOD]
    lines[at] += surplus
    path = written(tmp_path, *lines)
    with pytest.raises(UserError, match=rf"{path}.*line {at + 2}\b"):
        read_interactions(path, FIELDS)


@pytest.mark.parametrize("surplus", ["\tx", "\tx\ty"])
def test_too_many_columns_in_every_line_are_no_index(tmp_path, surplus):
    lines = [f"u{n}\ti{n}\t{n}{surplus}" for n in range(3)]
    found = problems(read_interactions, written(tmp_path, *lines), FIELDS)
    assert found[0].startswith("line 2: more than 3 columns")


@pytest.mark.parametrize("at", [1, 40_000])
def test_text_in_another_encoding_is_reported_with_the_setting_to_change(tmp_path, at):
    lines = [GOOD] * at + ["é\ti\t1"]
    (found,) = problems(read_interactions, written(tmp_path, *lines, encoding="latin-1"), FIELDS)
    assert found.startswith(f"line {at + 2}: not utf-8 text")
    assert "set encoding" in found


def test_all_problems_of_a_file_are_reported_at_once(tmp_path):
    path = written(tmp_path, GOOD, "\ti\t1", "u\t\tx", "u\ti\t1\t9", "u\ti\ty")
    assert problems(read_interactions, path, FIELDS) == [
        f"line 5: {TOO_MANY}",
        "line 3: user_id is blank (1 such lines)",
        "line 4: item_id is blank (1 such lines)",
        "line 4: timestamp 'x' is not a finite number (2 such lines)",
    ]


def test_columns_that_are_not_asked_for_are_not_checked(tmp_path):
    path = written(tmp_path, "u\ti\tx")
    assert read_interactions(path, FIELDS[:2]).values.tolist() == [["u", "i"]]


ATOMIC = Path("/work/shared/data/atomic/amazon-industrial-scientific-18")


@pytest.mark.skipif(not ATOMIC.is_dir(), reason="needs the Amazon domains, which are not part of the repository")
def test_a_real_file_is_read_line_by_line():
    path = ATOMIC / f"{ATOMIC.name}.inter"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    fields = [column.split(":")[0] for column in header.split("\t")]
    expected = [dict(zip(fields, line.split("\t"), strict=True)) for line in lines]
    found = read_interactions(path, FIELDS)
    for field in FIELDS[:2]:
        assert found[field].tolist() == [row[field] for row in expected]
    assert found["timestamp"].tolist() == [float(row["timestamp"]) for row in expected]


@pytest.mark.parametrize("surplus", ["\t", "\t5", "\t5\t"])
@pytest.mark.parametrize("read", [lambda path: read_interactions(path, FIELDS), lambda path: check_rows(path, *FORMAT)])
def test_trailing_separators_do_not_shift_columns(tmp_path, read, surplus):
    assert problems(read, written(tmp_path, f"u1\ti1\t1{surplus}", f"u1\ti2\t2{surplus}")) == [f"line 2: {TOO_MANY}"]
    assert problems(read, written(tmp_path, GOOD, "", f"u1\ti2\t2{surplus}")) == [f"line 4: {TOO_MANY}"]


@pytest.mark.parametrize("lines", [['"u\ti\t1', 'v"\ti\t2'], ['"u"x\ti\t1'], ['u\ti\t1\t"saw'], ['u\t"\t1']])
@pytest.mark.parametrize("read", [lambda path: read_interactions(path, FIELDS), lambda path: check_rows(path, *FORMAT)])
def test_a_quotation_mark_swallows_no_line_and_is_named(tmp_path, read, lines):
    (found,) = problems(read, written(tmp_path, GOOD, *lines, header=f"{HEADER}\tnote:token_seq"))
    assert found.startswith("line 3: a quotation mark begins a cell that it does not end")


def test_quoted_cells_and_quotation_marks_within_cells_are_read(tmp_path):
    path = written(tmp_path, '"u,1","i""2",3', 'u"1,i 2",4', header=HEADER.replace("\t", ","))
    assert read_interactions(path, FIELDS, ",").values.tolist() == [["u,1", 'i"2', 3.0], ['u"1', 'i 2"', 4.0]]


@pytest.mark.parametrize("word", sorted(MISSING - {""}))
def test_identities_that_recbole_takes_for_missing_values_are_named(tmp_path, word):
    (found,) = problems(read_interactions, written(tmp_path, GOOD, f"u\t{word}\t1", f"u\t{word}\t2"), FIELDS)
    assert found.startswith(f"line 3: item_id {word!r} is a word that RecBole reads as a missing value")
    assert found.endswith("(2 such lines)")


NANOSECONDS = 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{NANOSECONDS + 1}", f"{NANOSECONDS + 2}"),
        (f"{2**53}", f"{2**53 + 1}"),
        ("1600000000.12345671", "1600000000.12345672"),
        ("900719925474099.1", "900719925474099.15"),
        ("17e17", f"{NANOSECONDS + 1}"),
    ],
)
@pytest.mark.parametrize(
    "read", [lambda path: read_interactions(path, FIELDS), lambda path: check_rows(path, *FORMAT, "timestamp")]
)
def test_times_that_floats_do_not_tell_apart_are_named(tmp_path, read, first, second):
    (found,) = problems(read, written(tmp_path, f"u\ti\t{second}", GOOD, f"u\tj\t{first}", f"u\tj\t{first}"))
    assert found.startswith(f"line 4: timestamp {first} and {second} are one number to RecBole")
    assert float(first) == float(second)


@pytest.mark.parametrize("step", [256, 1000, 10**9])
def test_times_in_nanoseconds_that_floats_tell_apart_are_read(tmp_path, step):
    times = [NANOSECONDS + n * step for n in range(5)] * 2
    path = written(tmp_path, *(f"u\ti\t{time}" for time in times))
    assert read_interactions(path, FIELDS)["timestamp"].tolist() == [float(time) for time in times]
    check_rows(path, *FORMAT, "timestamp")


def test_a_nul_character_is_named(tmp_path):
    (found,) = problems(read_interactions, written(tmp_path, GOOD, "u\t\0\t1"), FIELDS)
    assert found.startswith("line 3: has a NUL character")


def test_lines_are_counted_with_the_blank_ones(tmp_path):
    path = written(tmp_path, GOOD, "", "u\ti\tx")
    assert problems(read_interactions, path, FIELDS) == ["line 4: timestamp 'x' is not a finite number (1 such lines)"]
    assert len(read_interactions(written(tmp_path, GOOD, "", GOOD), FIELDS)) == 2


def test_other_encodings_are_a_users_mistake(tmp_path):
    path = written(tmp_path, GOOD)
    for encoding in ("no-such-encoding", "utf-16"):
        with pytest.raises(UserError, match="set encoding"):
            read_interactions(path, FIELDS, encoding=encoding)
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(UserError, match="byte-order mark"):
        read_interactions(path, FIELDS)
