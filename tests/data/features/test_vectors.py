"""Ready vectors: in the catalogue's order, and what is missing, unknown or broken is named."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.data.features.vectors import read_vectors
from recbole_metarec.errors import UserError


def write(path: Path, items: list[str], vectors: Any) -> Path:
    np.savez(path, item_id=np.array(items), vector=np.asarray(vectors))
    return path


@settings(max_examples=25, deadline=None)
@given(st.permutations("abcdef"), st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_each_item_gets_its_own_vector(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], missing: set[str], broken: set[str]
) -> None:
    stored = [item for item in order if item not in missing]
    vectors = [[ord(item), np.nan if item in broken else 1.0] for item in stored]
    path = write(tmp_path_factory.mktemp("v") / "v.npz", stored, np.array(vectors).reshape(-1, 2))
    found, present = read_vectors(path, list("abcdef"), max_bad=1)
    assert present.tolist() == [item not in missing | broken for item in "abcdef"]
    for item, vector, there in zip("abcdef", found, present, strict=True):
        assert vector.tolist() == ([ord(item), 1] if there else [0, 0])


def test_few_bad_items_are_named_and_more_are_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "v.npz", ["a", "b", "x", "y"], [[1.0], [np.inf], [3.0], [4.0]])
    with caplog.at_level(logging.WARNING):
        _, present = read_vectors(path, ["a", "b", "c"], max_bad=0.5)
    assert present.tolist() == [True, False, False]
    lines = [record.message for record in caplog.records]
    assert [line.removeprefix(f"{path}: ") for line in lines] == [
        "1 of the 3 items have no vector: c",
        "1 vectors are not finite: b",
        "2 of the 4 items are not in the data: x, y",
    ]
    with pytest.raises(UserError) as refused:
        read_vectors(path, ["a", "b", "c"], max_bad=0.4)
    assert list(refused.value.problems) == [f"{lines[2]}; more than max_bad_features=0.4 of them"]


def test_of_many_three_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", ["a"], [[1.0]])
    with pytest.raises(UserError, match="4 of the 5 items have no vector: b, c, d, …;"):
        read_vectors(path, list("abcde"), max_bad=0.1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"item_id": np.array(["a"])}, "has no array vector; it must hold item_id and vector"),
        ({"x": np.array(["a"])}, "has no array item_id and no vector"),
        ({"item_id": np.array(["a"]), "vector": np.ones(1)}, "must have the shapes"),
        ({"item_id": np.array(["a"]), "vector": np.ones((2, 2))}, "must have the shapes"),
        ({"item_id": np.array(["a"]), "vector": np.array([["x"]])}, "must have the shapes"),
        (b"no zip", "is no .npz file"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "v.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(UserError, match=message):
        read_vectors(path, ["a"], max_bad=1)
