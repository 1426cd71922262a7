"""Amazon domains: from the raw McAuley dumps, or splits that others published, to RecBole's atomic files.

``recbole-metarec amazon prepare|download|import|list`` is the same as these functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recbole_metarec.lazy import attributes_of

if TYPE_CHECKING:
    from recbole_metarec.amazon.convert import prepare
    from recbole_metarec.amazon.fetch import download
    from recbole_metarec.amazon.options import PRESETS, Options, make_options
    from recbole_metarec.amazon.published import import_split
    from recbole_metarec.amazon.vintages import CATEGORIES, dataset_name

__all__ = [
    "CATEGORIES",
    "PRESETS",
    "Options",
    "dataset_name",
    "download",
    "import_split",
    "make_options",
    "prepare",
]

# Imported when they are asked for: help of the command line needs no polars.
_PLACES = {
    "CATEGORIES": "vintages",
    "PRESETS": "options",
    "Options": "options",
    "dataset_name": "vintages",
    "download": "fetch",
    "import_split": "published",
    "make_options": "options",
    "prepare": "convert",
}

__getattr__ = attributes_of(__name__, _PLACES)
