from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import small_models

import recbole_metarec as rm
from recbole_metarec.runs.result import RunResult


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[RunResult]]:
    """Give the runs of a name in `small_models.RUNS`: a model and its controls, trained when first asked for."""
    root: Path = tmp_path_factory.mktemp("domains")
    small_models.write_domains(root)
    return cache(lambda name: small_models.train(root, small_models.RUNS[name]))


@pytest.fixture(scope="session")
def recommender(trained: Callable[[str], list[RunResult]]) -> Callable[[str], rm.Recommender]:
    """Load the model of a name in `small_models.RUNS` anew."""
    return lambda name: rm.load(str(trained(name)[0].checkpoint))
