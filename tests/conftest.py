from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import planted
import pytest
import small_models
import torch
from hypothesis import settings

import recbole_metarec as rm
from recbole_metarec.runs.result import RunResult

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


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[RunResult]]:
    """Give the runs of a name in `small_models.RUNS`: a model and its controls, trained when first asked for."""
    root = tmp_path_factory.mktemp("domains")
    small_models.write_domains(root)
    return cache(lambda name: small_models.train(root, small_models.RUNS[name]))


@pytest.fixture(scope="session")
def recommender(trained: Callable[[str], list[RunResult]]) -> Callable[[str], rm.Recommender]:
    """Load the model of a name in `small_models.RUNS` anew."""
    return lambda name: rm.load(str(trained(name)[0].checkpoint))
