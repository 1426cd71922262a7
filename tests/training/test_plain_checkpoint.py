"""Checkpoints hold plain values, are whole or not there, and say which file is damaged."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch

from recbole_metarec.errors import UserError
from recbole_metarec.training import checkpoint
from recbole_metarec.training.packing import pack


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "deep" / "x.pth", {"a": torch.arange(3), "b": {"c": [1.5, None, "d"]}})
    state = checkpoint.load(tmp_path / "deep" / "x.pth")
    assert torch.equal(state["a"], torch.arange(3))
    assert state["b"] == {"c": [1.5, None, "d"]}


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    checkpoint.save(path, {"a": 1})
    with pytest.raises(TypeError, match="cannot hold a function"):
        checkpoint.save(path, {"a": lambda: None})
    assert checkpoint.load(path)["a"] == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_other_files_are_a_users_mistake(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.pth"
    if content is None:
        torch.save({"format": "another"}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pth: not a checkpoint"):
        checkpoint.load(path)


def test_a_missing_file_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "x.pth")


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pth"
    checkpoint.save(path, {"a": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*x\.pth'"):
            checkpoint.save(path, {"a": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert checkpoint.load(path)["a"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_over_a_checkpoint_names_the_file() -> None:
    with pytest.raises(UserError, match=r"^x\.pth: is damaged: KeyError: 'a'$"), checkpoint.named_when_damaged("x.pth"):
        {}["a"]


@pytest.mark.parametrize("form", ["csr", "csc", "dok"])
def test_arrays_and_sparse_matrices_are_packed_and_unpacked(tmp_path: Path, form: str) -> None:
    matrix = scipy.sparse.random(4, 3, 0.5, form, random_state=0)
    checkpoint.save(tmp_path / "x.pth", {"packed": pack({"a": [np.arange(3), matrix], "b": (np.float64(2), None)})})
    found = checkpoint.load(tmp_path / "x.pth")["packed"]
    assert found["b"] == (2, None)
    assert found["a"][0].tolist() == [0, 1, 2]
    assert found["a"][1].format == form
    np.testing.assert_array_equal(found["a"][1].toarray(), matrix.toarray())


def test_what_is_not_plain_is_not_packed() -> None:
    with pytest.raises(TypeError, match="cannot hold a"):
        pack({"a": [Path()]})
