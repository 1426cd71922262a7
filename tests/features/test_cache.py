"""What is kept of features: computed once, and anew where the file is damaged."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from recbole_metarec.features.cache import cached, kept
from recbole_metarec.features.text import TextSpace


@pytest.fixture(autouse=True)
def every_warning(caplog: pytest.LogCaptureFixture) -> None:
    """RecBole's runs leave the root logger at their own level."""
    caplog.set_level(logging.WARNING)


FEATURES = np.arange(600, dtype=np.float32).reshape(60, 10)


@pytest.mark.parametrize("damage", [b"", b"x", b"\x93NUMPY", "cut", "other"])
def test_a_damaged_file_is_named_and_computed_anew(
    tmp_path: Path, damage: bytes | str, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def compute() -> np.ndarray:
        calls.append(1)
        return FEATURES

    assert (cached(tmp_path, "key", compute) == FEATURES).all()
    assert (cached(tmp_path, "key", compute) == FEATURES).all()
    assert len(calls) == 1
    path = tmp_path / "key.npy"
    if damage == "other":
        np.save(path, FEATURES)
    else:
        path.write_bytes(path.read_bytes()[:200] if isinstance(damage, str) else damage)
    assert (cached(tmp_path, "key", compute) == FEATURES).all()
    assert (cached(tmp_path, "key", compute) == FEATURES).all()
    assert len(calls) == 2
    (record,) = caplog.records
    assert record.message.startswith(f"{path}: is damaged and computed anew: ")


def test_a_damaged_space_is_learnt_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def read() -> TextSpace:
        fit = partial(TextSpace.fit, [["red ball", "red car"]], 2)
        return kept(tmp_path / "s.npz", TextSpace.load, fit, lambda file, space: space.save(file))

    digest = read().digest()
    for damage in (b"", (tmp_path / "s.npz").read_bytes()[:99]):
        (tmp_path / "s.npz").write_bytes(damage)
        assert read().digest() == digest
    np.savez(tmp_path / "s.npz", vocabulary=np.array(["a"]), idf=np.ones(2), projection=np.ones((2, 2)))
    assert read().digest() == digest
    assert len(caplog.records) == 3


def test_what_cannot_be_kept_is_used_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    assert (cached(tmp_path / "file", "key", lambda: FEATURES) == FEATURES).all()
    (record,) = caplog.records
    assert "key.npy: cannot be written, the next run computes it again" in record.message
