"""Make RecBole's own lookups find this package's models, trainers and datasets.

RecBole finds a model by module path and class name, a trainer and a dataset as ``<Model>Trainer`` and
``<Model>Dataset`` of its own packages.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from functools import cache

from recbole_metarec.bridge import patches
from recbole_metarec.models import SPECS
from recbole_metarec.models.spec import ModelSpec, load_object


@cache
def register() -> None:
    """Apply all patches and register all models; calling it twice changes nothing more."""
    patches.apply_all()
    for spec in SPECS.values():
        register_model(spec)


def register_model(spec: ModelSpec) -> None:
    """Let RecBole, and this package, find a model by its name.

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
    model, trainer = load_object(spec.model), load_object(spec.trainer)
    path = f"recbole.model.sequential_recommender.{model.__name__.lower()}"
    module = types.ModuleType(path, model.__doc__)
    # get_model asks for the spec first and fails on a module without one
    module.__spec__ = importlib.machinery.ModuleSpec(path, None)
    setattr(module, model.__name__, model)
    sys.modules[path] = module
    setattr(recbole.trainer, trainer.__name__, trainer)
    setattr(recbole.data.dataset, f"{model.__name__}Dataset", DomainDataset)
