"""Ready vectors: in the catalogue's order, and what is missing, unknown or broken is named."""

from __future__ import annotations

import io
import logging
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.errors import UserError
from recbole_metarec.features.vectors import read_vectors


def write(path: Path, items: list[str], vectors: Any) -> Path:
    np.savez(path, item_id=np.array(items), vector=np.asarray(vectors))
    return path


def saved(array: Any, claimed: tuple[int, int] | None = None) -> bytes:
    """Return an ``.npy`` file, which may claim to be larger than it is."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f8", "fortran_order": False, "shape": claimed or array.shape}
    )
    return file.getvalue() + array.tobytes()


def zipped(items: bytes, vectors: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("item_id.npy", items)
        archive.writestr("vector.npy", vectors)
    return file.getvalue()


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
        ({"item_id": np.array(["a"]), "vector": np.ones((1, 1), complex)}, "with numbers"),
        ({"item_id": np.array(["a"]), "vector": np.ones((1, 0))}, "must have the shapes"),
        ({"item_id": np.array("a"), "vector": np.ones((1, 1))}, "must have the shapes"),
        ({"item_id": np.array(["b", "a", "a"]), "vector": np.ones((3, 1))}, "item_id has a twice"),
        ({"item_id": np.array(["a", None]), "vector": np.ones((2, 1))}, "is no .npz file of arrays: Object arrays"),
        (b"no zip", "is no .npz file"),
        (b"", "is no .npz file of arrays: No data left"),
        (pickle.dumps([1]), "is no .npz file of arrays: This file contains pickled"),
        (saved(np.ones((3, 4))), "is no .npz file of arrays: it is a single array"),
        (zipped(b"", b""), "has no array item_id and no vector"),
        (zipped(b"no array", saved(np.ones((3, 4)))), "has no array item_id; it must hold"),
        (zipped(saved(np.ones(3)), saved(np.ones((3, 4)))[:-9]), "is no .npz file of arrays: EOF"),
        (zipped(saved(np.ones(3)), saved(np.ones((3, 4))))[:300], "is no .npz file of arrays"),
        (
            zipped(saved(np.ones(3)), saved(np.ones((3, 4)), (10**12, 10**5))),
            "is no .npz file of arrays: Unable to all",
        ),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "v.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(UserError, match=message) as caught:
        read_vectors(path, ["a"], max_bad=1)
    assert len(str(caught.value).splitlines()) == 1


def test_names_may_be_bytes(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", item_id=np.array(["é".encode(), b"b"]), vector=np.array([[1], [2]]))
    found, _ = read_vectors(tmp_path / "v.npz", ["b", "é"], max_bad=0)
    assert found.tolist() == [[2], [1]]


@pytest.mark.parametrize("size", [101, 1e6, 1e30, 1e38])
def test_a_vector_beside_which_all_others_vanish_is_left_out_and_named(
    tmp_path: Path, size: float, caplog: pytest.LogCaptureFixture
) -> None:
    items = [f"i{n}" for n in range(30)]
    vectors = np.eye(30)
    vectors[7] *= size
    path = write(tmp_path / "v.npz", items, vectors)
    with caplog.at_level(logging.WARNING):
        found, present = read_vectors(path, items, max_bad=0.1)
    assert [record.message for record in caplog.records] == [
        f"{path}: 1 vectors are above 100 times as long as most: i7"
    ]
    assert np.flatnonzero(~present).tolist() == [7]
    assert (np.linalg.norm(found[present], axis=1) == 1).all()
    with pytest.raises(UserError, match=r"above 100 times as long as most: i7; more than max_bad_features=0.03"):
        read_vectors(path, items, max_bad=0.03)
