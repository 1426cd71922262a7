"""Amazon domains: from the raw McAuley dumps, or splits that others published, to RecBole's atomic files.

``python -m recbole_metarec.amazon prepare|download|import|list`` is the same as these functions.
"""

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
