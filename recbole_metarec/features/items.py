"""What ``.item`` files say of items, read for the modalities that are asked for, and checked by them."""

from __future__ import annotations

import pandas as pd

from recbole_metarec.errors import UserError
from recbole_metarec.features.item_files import ItemFiles
from recbole_metarec.features.modalities import MODALITIES
from recbole_metarec.settings.features import FeatureSettings


def read_items(files: ItemFiles, domain: str, settings: FeatureSettings) -> pd.DataFrame:
    """Read what the modalities need of a domain's ``.item`` file.

    Parameters
    ----------
    files : ItemFiles
    domain : str
        Its name.
    settings : FeatureSettings

    Returns
    -------
    pandas.DataFrame
        Columns as texts, by item; none if there is no file.

    Raises
    ------
    UserError
        If the file is malformed, or a modality refuses a cell.
    """
    kinds = [MODALITIES[name] for name in settings.modalities]
    cells = files.read(domain, [column for kind in kinds for column in kind.columns(settings)])
    path = files.path(domain, "item")
    problems = [f"{path}: {line}" for kind in kinds for line in kind.problems(settings, cells)]
    if problems:
        raise UserError(problems)
    return cells.set_index(files.item_field, drop=False)
