"""What Python programs call, under the name that RecBole has for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recbole_metarec.bridge.registry import register_model as register
from recbole_metarec.comparison import compare as comparisons
from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.inference.recommender import load
from recbole_metarec.runs.load import TrainedModel, load_with_data
from recbole_metarec.runs.own_data import with_frames_written
from recbole_metarec.runs.run import run

__all__ = ["TrainedModel", "compare", "load", "load_with_data", "register", "run"]


def compare(models: Sequence[str], settings: Mapping[str, Any] | None = None, /, **keys: Any) -> Comparison:
    """Train and test several models side by side.

    Parameters
    ----------
    models : sequence of str
        Names, of this package's models with a variant behind a colon if wanted: ``["MetaRec:joint", "SASRec"]``.
    settings : mapping, optional
        Any key of the property files. ``dataset`` and ``sources`` may be frames of your own, as `run` takes them.
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
    return comparisons.compare({**with_frames_written({**(settings or {}), **keys}), "model": list(models)})
