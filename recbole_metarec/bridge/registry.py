"""Make RecBole's own lookups find this package's models, trainers and datasets.

RecBole finds a model by module path and class name, a trainer and a dataset as ``<Model>Trainer`` and
``<Model>Dataset`` of its own packages.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from functools import cache
from typing import Any

from recbole_metarec.bridge import patches
from recbole_metarec.lazy import load_object
from recbole_metarec.models import SPECS
from recbole_metarec.models.spec import ModelSpec


@cache
def register() -> None:
    """Apply all patches and register all models; calling it twice changes nothing more."""
    patches.apply_all()
    for spec in SPECS.values():
        register_model(spec)


def register_model(spec: ModelSpec) -> None:
    """Let RecBole, and this package, find a model by its name; its classes are imported when they are asked for.

    Parameters
    ----------
    spec : ModelSpec
        Of one of this package's models, or of another's.
    """
    # not before the patches are applied
    import recbole.data.dataset
    import recbole.trainer

    from recbole_metarec.bridge.dataset import DomainDataset

    SPECS[spec.name] = spec
    path = f"recbole.model.sequential_recommender.{spec.name.lower()}"
    module = types.ModuleType(path)
    # get_model asks for the spec first and fails on a module without one
    module.__spec__ = importlib.machinery.ModuleSpec(path, None)
    _offer(module, spec.name, spec.model)
    sys.modules[path] = module
    _offer(recbole.trainer, f"{spec.name}Trainer", spec.trainer)
    setattr(recbole.data.dataset, f"{spec.name}Dataset", DomainDataset)


def _offer(module: types.ModuleType, name: str, place: str) -> None:
    """Let a module have an attribute that is imported when it is asked for (PEP 562)."""
    before = vars(module).get("__getattr__")

    def get(asked: str) -> Any:
        if asked == name:
            return load_object(place)
        if before is not None:
            return before(asked)
        raise AttributeError(f"module {module.__name__!r} has no attribute {asked!r}")

    vars(module)["__getattr__"] = get
