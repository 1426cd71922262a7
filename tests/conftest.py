from __future__ import annotations

from pathlib import Path

import planted
import pytest
import torch
from hypothesis import settings

import recbole_metarec  # noqa: F401

settings.register_profile("busy", deadline=None)  # examples take longer beside other processes
settings.load_profile("busy")

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    # pytest-xdist runs a worker on each core
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RecBole writes log/, saved/ and log_tensorboard/ into the working folder, and reads sys.argv."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pytest"])


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the planted domains."""
    root = tmp_path_factory.mktemp("planted")
    planted.write_suite(root)
    return root
