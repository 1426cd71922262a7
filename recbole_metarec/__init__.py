"""RecBole-MetaRec: transferable sequential recommendation for RecBole.

Importing the package mends RecBole for today's libraries and registers the models, so that RecBole's own functions
find them.
"""

import os

# Read when torch is first imported: threads that wait by spinning slow a busy machine down several times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from recbole_metarec.bridge.pickles import allow_pickle
from recbole_metarec.bridge.registry import register

register()

__version__ = "0.1.0"
__all__ = ["__version__", "allow_pickle"]
