"""RecBole-MetaRec: transferable sequential recommendation for RecBole.

Once the package is imported, RecBole finds its models and is mended for today's libraries, as soon as it is imported
itself. The names below are the public ones; all others may change.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

# Read when torch is first imported: threads that wait by spinning slow a busy machine down several times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from recbole_metarec._hook import when_imported
from recbole_metarec.lazy import attributes_of

if TYPE_CHECKING:
    from recbole_metarec.bridge.pickles import allow_pickle
    from recbole_metarec.errors import UserError
    from recbole_metarec.inference.recommender import Recommender, load
    from recbole_metarec.models.ant.settings import ANTSettings
    from recbole_metarec.models.memory.settings import MemorySettings
    from recbole_metarec.models.metarec.settings import MetaRecSettings
    from recbole_metarec.models.spec import ModelSpec
    from recbole_metarec.quick_start import compare, register, run
    from recbole_metarec.runs.load import TrainedModel, load_with_data
    from recbole_metarec.runs.result import RunResult
    from recbole_metarec.settings.shared import SharedSettings

__version__ = "0.2.0"
__all__ = [
    "ANTSettings",
    "MemorySettings",
    "MetaRecSettings",
    "ModelSpec",
    "Recommender",
    "RunResult",
    "SharedSettings",
    "TrainedModel",
    "UserError",
    "__version__",
    "allow_pickle",
    "compare",
    "load",
    "load_with_data",
    "register",
    "run",
]

# Where public names are: imported when they are asked for, since RecBole and torch take seconds.
_PLACES = {
    "ANTSettings": "models.ant.settings",
    "MemorySettings": "models.memory.settings",
    "MetaRecSettings": "models.metarec.settings",
    "ModelSpec": "models.spec",
    "Recommender": "inference.recommender",
    "RunResult": "runs.result",
    "SharedSettings": "settings.shared",
    "TrainedModel": "runs.load",
    "UserError": "errors",
    "allow_pickle": "bridge.pickles",
    "compare": "quick_start",
    "load": "inference.recommender",
    "load_with_data": "runs.load",
    "register": "quick_start",
    "run": "quick_start",
}

when_imported("recbole", lambda: import_module("recbole_metarec.bridge"))


__getattr__ = attributes_of(__name__, _PLACES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
