from __future__ import annotations

from pathlib import Path

import planted
import pytest
import torch
from recbole.config import Config

from recbole_metarec import checkpoint
from recbole_metarec.config import PluginConfig, to_plain
from recbole_metarec.errors import UserError


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "deep" / "x.pth", {"a": torch.arange(3), "b": {"c": [1.5, None, "d"]}})
    state = checkpoint.load(tmp_path / "deep" / "x.pth")
    assert torch.equal(state["a"], torch.arange(3))
    assert state["b"] == {"c": [1.5, None, "d"]}


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    checkpoint.save(path, {"a": 1})
    with pytest.raises(AttributeError, match="pickle"):
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


def test_restoring_rebuilds_the_configuration(suite: Path) -> None:
    config = PluginConfig("MetaRec", planted.TARGET, planted.settings(suite))
    state = checkpoint.restore({"format": checkpoint.FORMAT, "config": to_plain(config)})
    assert isinstance(state["config"], Config)
    assert state["config"].final_config_dict == config.final_config_dict


def test_restoring_leaves_other_things_alone() -> None:
    for other in ([1], {"format": "another", "config": 3}):
        assert checkpoint.restore(other) is other
