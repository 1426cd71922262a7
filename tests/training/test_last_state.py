"""What last states are made of: generators that draw again what they drew, files that are what was written."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_metarec.training import checkpoint, tensor_file
from recbole_metarec.training.randomness import random_state, set_random_state


def draw() -> list[float]:
    return [random.gauss(0, 1), float(np.random.normal()), float(torch.randn(()))]


def test_generators_go_on_where_they_were(tmp_path: Path) -> None:
    before = random_state()
    draw()  # so that a second normal number is in store
    checkpoint.save(tmp_path / "x.safetensors", random_state())
    drawn = [draw() for _ in range(3)]
    set_random_state(checkpoint.load(tmp_path / "x.safetensors"))
    assert [draw() for _ in range(3)] == drawn
    set_random_state(before)


def test_what_a_disk_spoils_does_not_take_the_place_of_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "x.safetensors", tensor_file.write
    checkpoint.save(path, {"a": torch.ones(3)}, read_back=True)

    def spoil(file: Any, *content: Any) -> int:
        total = write(file, *content)
        file.seek(-2, 2)
        file.write(b"!")
        return total

    monkeypatch.setattr(tensor_file, "write", spoil)
    with pytest.raises(OSError, match="what was read back is not what was written"):
        checkpoint.save(path, {"a": torch.zeros(3)}, read_back=True)
    assert checkpoint.load(path)["a"].tolist() == [1, 1, 1]
    assert [*tmp_path.iterdir()] == [path]
