"""What Python programs call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recbole_metarec.bridge.registry import register_model
from recbole_metarec.comparison import compare as comparisons
from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.models.spec import ModelSpec
from recbole_metarec.runs import run as runs
from recbole_metarec.runs.load import TrainedModel, load
from recbole_metarec.runs.result import RunResult

__all__ = ["TrainedModel", "compare", "load", "register", "run"]


def run(settings: Mapping[str, Any] | None = None, /, **keys: Any) -> list[RunResult]:
    """Train a model on one target, and compare it with the same model trained from scratch.

    Parameters
    ----------
    settings : mapping, optional
        Any key of the property files.
    **keys
        The same, as in ``run(model="MetaRec", dataset="ml-100k-western", source_datasets=["ml-100k-war"])``.

    Returns
    -------
    list of RunResult
        The run; behind it its controls: from scratch, an ensemble of both, the memory alone. With ``result_file`` they
        are written there, too.

    Raises
    ------
    UserError
        If a setting or a dataset is wrong: all that is.
    """
    return runs.run({**(settings or {}), **keys})


def compare(models: Sequence[str], settings: Mapping[str, Any] | None = None, /, **keys: Any) -> Comparison:
    """Train and test several models side by side.

    Parameters
    ----------
    models : sequence of str
        Names, of this package's models with a variant behind a colon if wanted: ``["MetaRec:joint", "SASRec"]``.
    settings : mapping, optional
        Any key of the property files.
    **keys
        The same, as in ``compare(["MetaRec", "SASRec"], dataset="ml-100k-western", seeds=3)``.

    Returns
    -------
    Comparison
        A run that was finished before is read from ``comparison_folder``, one that fails is left out.

    Raises
    ------
    UserError
        If a setting or a dataset is wrong: all of it, before anything runs.
    """
    return comparisons.compare({**(settings or {}), **keys, "model": list(models)})


def register(spec: ModelSpec) -> None:
    """Let `run`, `compare`, the command line and RecBole itself find a model of yours by its name.

    Parameters
    ----------
    spec : ModelSpec
    """
    register_model(spec)
