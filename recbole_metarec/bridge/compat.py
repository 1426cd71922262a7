"""What RecBole 1.2.1 needs on today's numpy, scipy and torch.

Each entry names RecBole's own thread (https://github.com/RUCAIBox/RecBole/issues). What dependency ranges can mend
(pandas below 3, setuptools below 82 for ray's ``pkg_resources``) stands in ``setup.py`` instead.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
import types
import warnings
from typing import Any

import numpy as np
import scipy.sparse
import torch

# The newest ray that RecBole 1.2.1 allows: Ray Tune needs no more there than RecBole does.
NEWEST_RAY = (2, 6)


def apply() -> None:
    """Mend numpy, scipy, ray and RecBole itself; calling it twice changes nothing more."""
    _quiet_known_warnings()
    _numpy_aliases()
    _scipy_dok_update()
    _counts_of_metrics()
    _missing_ray()


def _numpy_aliases() -> None:
    """Numpy 2 dropped the aliases that RecBole's Config and metrics, and ray 2.6, spell out (#2203, #2078)."""
    for alias, current in (
        ("float_", "float64"),
        ("complex_", "complex128"),
        ("unicode_", "str_"),
        ("bool8", "bool_"),
    ):
        if alias not in np.__dict__:
            setattr(np, alias, getattr(np, current))


def _scipy_dok_update() -> None:
    """Scipy 1.13 dropped ``dok_matrix._update``, with which the graph models fill their matrices (#2034, #2185)."""
    if not hasattr(scipy.sparse.dok_matrix, "_update"):
        scipy.sparse.dok_matrix._update = lambda self, entries: self._dict.update(entries)


def _counts_of_metrics() -> None:
    """RecBole's collector moves all that metrics need to the CPU, numbers and counters, too (#2131, #2191)."""
    from recbole.evaluator import Collector

    stock = Collector.get_data_struct
    if getattr(stock, "for_counts", False):
        return

    def get_data_struct(self: Any) -> Any:
        data = self.data_struct._data_dict
        counts = {key: data.pop(key) for key in list(data) if not isinstance(data[key], torch.Tensor)}
        struct = stock(self)
        data.update(counts)
        struct._data_dict.update(counts)
        return struct

    get_data_struct.for_counts = True  # type: ignore[attr-defined]
    Collector.get_data_struct = get_data_struct


def _missing_ray() -> None:
    """``recbole.quick_start`` imports Ray Tune (#1518).

    RecBole cannot have its ray from Python 3.12 on, and a newer one may lack the extra that Ray Tune needs.
    """
    if _has_ray_tune():
        return
    ray, tune = types.ModuleType("ray"), types.ModuleType("ray.tune")
    ray.tune, tune.report = tune, lambda **metrics: None  # type: ignore[attr-defined]
    stand_ins = {"ray.tune": tune} if importlib.util.find_spec("ray") else {"ray": ray, "ray.tune": tune}
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("recbole.quick_start")
    finally:
        for name in stand_ins:
            sys.modules.pop(name)


def _has_ray_tune() -> bool:
    try:
        major, minor = importlib.metadata.version("ray").split(".")[:2]
    except importlib.metadata.PackageNotFoundError:
        return False
    if (int(major), int(minor)) <= NEWEST_RAY:
        return True  # without importing it: few runs need it
    try:
        importlib.import_module("ray.tune")
    except ImportError:
        return False
    return True


def _quiet_known_warnings() -> None:
    """Silence what users can do nothing about: deprecations inside RecBole's own calls."""
    for message in (
        r".*torch\.cuda\.amp\.GradScaler.*",
        r".*A value is trying to be set on a copy of a DataFrame.*",
        r".*pkg_resources is deprecated.*",
        r".*in Series\.agg cannot aggregate.*",
        r"torch\.sparse\.SparseTensor\(.*",
        r"Using a non-tuple sequence for multidimensional indexing.*",
        r"Detected pickle protocol 4 in the checkpoint.*",
    ):
        warnings.filterwarnings("ignore", message=message, category=FutureWarning)
        warnings.filterwarnings("ignore", message=message, category=UserWarning)
    warnings.filterwarnings("ignore", category=SyntaxWarning, module=r"recbole\..*")
