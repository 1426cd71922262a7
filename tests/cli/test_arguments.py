"""``--key=value`` and ``--key value`` are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_metarec.cli.arguments import pairs, parse_arguments
from recbole_metarec.errors import UserError

KEYS = st.lists(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), unique=True, max_size=5)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda text: not text.startswith("--"))


@given(KEYS, st.data())
def test_both_forms_give_the_same_pairs(keys: list[str], data: st.DataObject) -> None:
    expected = [(key, data.draw(VALUES)) for key in keys]
    words: list[str] = []
    for key, value in expected:
        words += data.draw(st.sampled_from([[f"--{key}={value}"], [f"--{key}", value]]))
    problems: list[str] = []
    assert [*pairs(words, problems)] == expected
    assert problems == []


@pytest.mark.parametrize(
    ("words", "problems"),
    [
        (["--seed"], ["--seed: write --key=value"]),
        (["--seed", "--epochs=2"], ["--seed: write --key=value"]),
        (["model", "--seed=1"], ["model: write --key=value"]),
        (["--seed=1", "--seed", "2"], ["--seed: stands there twice; write it once"]),
        (["--", "x", "--=3"], ["--: write --key=value", "x: write --key=value", "--=3: write --key=value"]),
    ],
)
def test_all_that_is_neither_is_named(words: list[str], problems: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_arguments(words)
    assert [*caught.value.problems] == problems


def test_values_follow_the_types_of_their_fields() -> None:
    words = ["--seed", "3", "--dataset", "18", "--source_datasets", "a,b", "--memory_weight", "auto"]
    expected = {"seed": 3, "dataset": "18", "source_datasets": ["a", "b"], "memory_weight": "auto"}
    assert parse_arguments(words) == expected
    assert parse_arguments(["--modalities=text price", "--pretrained=1e5"]) == {
        "modalities": ["text", "price"],
        "pretrained": "1e5",
    }
