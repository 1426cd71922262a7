"""YAML of users: one line for what is no YAML, says a thing twice, or is larger than it looks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.errors import UserError
from recbole_metarec.settings.users_yaml import LARGEST, parse_yaml, read_users_yaml

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
# PyYAML writes the text 1e3 without quotation marks, since it is no number to it; here it is one, as it is to RecBole.
texts = st.text().filter(lambda text: not re.fullmatch(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+", text))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_is_yaml_is_read(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert parse_yaml(text) == yaml.safe_load(text)


def test_numbers_are_recboles_and_merged_mappings_may_be_overridden() -> None:
    assert parse_yaml("1e-3") == 0.001
    assert parse_yaml("[0, -0, 0.5, 0e3, 0x1f, 1_000, '010', a:b, 1:99]") == [
        0,
        0,
        0.5,
        0,
        31,
        1000,
        "010",
        "a:b",
        "1:99",
    ]
    assert parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}")["b"] == {"x": 3, "y": 2}
    assert parse_yaml("") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nepochs: 3\nseed: 2", "line 3: seed stands there twice; write it once"),
        ("a: {b: 1,\n 'b': 2}", "line 2: b stands there twice"),
        ("1: a\n0x1: b", "line 2: 0x1 stands there twice"),
        (BOMB, r"line \d+: aliases make more than 100,000 values of it"),
        ("a: &a [*a]", "line 1: aliases make more than"),
        ("a: &a {b: *a}", "line 1: aliases make more than"),
        ("[" * 5000, "nested too deeply"),
        ("a: 2020-13-45", "line 1: 2020-13-45 is a date, which nothing may be here; write '2020-13-45'"),
        ("a: [1, {b: 010}]", "line 1: 010 is no plain number; write 10 or '010'"),
        ("a: 1\nb: -0_17", "line 2: -0_17 is no plain number; write -17 or '-0_17'"),
        ("00", "line 1: 00 is no plain number; write 0 or '00'"),
        ("a: 00.5", "line 1: 00.5 is no plain number; write 0.5 or '00.5'"),
        ("seed: 1:30", "line 1: 1:30 is no plain number; write 90 or '1:30'"),
        ("-1:30.5: a", "line 1: -1:30.5 is no plain number; write -90.5 or '-1:30.5'"),
        ("a: !!int ''", "index out of range"),
        ("a: !!bool x", "x"),
        ("a: !!python/object/apply:os.getcwd []", "line 1: could not determine a constructor"),
        ("a: [1", "line 1: expected ',' or ']'"),
        ("a: 1\n---\nb: 2", "line 2: but found another document"),
        ("a: \0", "special characters are not allowed"),
        ("? [1]\n: 2\n? {b: 1}\n: 3", "line 1: found unhashable key"),
    ],
)
def test_what_is_not_is_named_in_a_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=f"^a file: is no YAML: .*{message}"):
        read_users_yaml(tmp_path / "a.yaml", "a file")


def test_files_that_cannot_be_settings_are_named(tmp_path: Path) -> None:
    (tmp_path / "huge").write_text("a: 1\n" * LARGEST)
    (tmp_path / "binary").write_bytes(os.urandom(100) + b"\xff")
    for name, message in {
        "": "a file: Is a directory",
        "absent": "a file: No such file or directory",
        "huge": "a file: has more than 256 KiB",
        "binary": "a file: is no YAML: 'utf-8' codec can't decode",
    }.items():
        with pytest.raises(UserError, match=message):
            read_users_yaml(tmp_path / name, "a file")


def test_files_within_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("config_files: b.yaml\n")
    with pytest.raises(UserError, match=r"a\.yaml: config_files has no part in a file"):
        parse_arguments([f"--config_files={tmp_path}/a.yaml"])


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("--field_separator=,", ","),
        ("--field_separator= ", " "),
        ("--field_separator=;", ";"),
        ("--field_separator=|", "|"),
        ("--field_separator=~", "~"),
        ("--field_separator=\t", "\t"),
        (r"--field_separator=\t", "\t"),
        (r'--field_separator="\t"', "\t"),
        (r"--field_separator='\t'", "\t"),
        ("--field_separator=','", ","),
        ("--field_separator='", "'"),
        ("--field_separator=None", None),
        ("--seq_separator= ", " "),
        ("--seq_separator=,", ","),
        ("--encoding=gbk", "gbk"),
        ("--encoding=1252", "1252"),
        ("--encoding=~", None),
        ("--user_inter_num_interval=[5,inf)", "[5,inf)"),
        ("--item_inter_num_interval=(3,10];[20,inf)", "(3,10];[20,inf)"),
        ('--item_inter_num_interval="[5,inf)"', "[5,inf)"),
        ("--item_inter_num_interval=[5,10]", "[5,10]"),
        ("--item_inter_num_interval=12", "12"),
        ("--item_inter_num_interval=~", None),
    ],
)
def test_separators_and_intervals_arrive_as_they_are_written(argument: str, value: str | None) -> None:
    key = argument.removeprefix("--").partition("=")[0]
    assert parse_arguments([argument]) == {key: value}


@pytest.mark.parametrize(
    ("line", "value"), [(r"field_separator: \t", "\t"), (r'field_separator: "\t"', "\t"), ("field_separator: ~", None)]
)
def test_separators_in_files_arrive(tmp_path: Path, line: str, value: str | None) -> None:
    (tmp_path / "a.yaml").write_text(f"{line}\n")
    assert parse_arguments([f"--config_files={tmp_path}/a.yaml"]) == {"field_separator": value}


@pytest.mark.parametrize("value", ["010", "1:30", "[5,10", "{a: 1, a: 2}", "2020-13-45", "%x"])
def test_values_that_are_no_yaml_are_named_with_what_to_write(value: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_arguments([f"--topk={value}"])
    (line,) = caught.value.problems
    assert line.startswith(f"--topk={value}: is no YAML value (")
    assert line.endswith(f"""; for a text, write --topk='"{value}"'""")


def test_lists_of_files_are_split_at_commas_alone() -> None:
    assert parse_arguments(["--report=a b.html, c.md"]) == {"report": ["a b.html", "c.md"]}
    assert parse_arguments(["--source_datasets=a b,c"]) == {"source_datasets": ["a", "b", "c"]}
    with pytest.raises(UserError, match=r"^--config_files: no such\.yaml: No such file"):
        parse_arguments(["--config_files=no such.yaml"])
