"""Tables of one's own (CSV, TSV, JSON lines, parquet) made into RecBole's atomic files.

``recbole-metarec convert`` is the same as `convert`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recbole_metarec.lazy import attributes_of

if TYPE_CHECKING:
    from recbole_metarec.conversion.dataset import convert
    from recbole_metarec.conversion.options import Options, make_options

__all__ = ["Options", "convert", "make_options"]

# Imported when they are asked for: help of the command line needs no polars.
_PLACES = {"Options": "options", "convert": "dataset", "make_options": "options"}

__getattr__ = attributes_of(__name__, _PLACES)
