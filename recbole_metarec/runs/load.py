"""A trained model out of its checkpoint, with its data."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from recbole.quick_start import load_data_and_model

from recbole_metarec.bridge.config import to_plain


@dataclass(frozen=True)
class TrainedModel:
    """A model as it was trained, with the data that it was trained and tested on.

    Attributes
    ----------
    model : torch.nn.Module
        RecBole's recommender, ready to score.
    settings : dict
        All settings of the run.
    dataset : recbole.data.dataset.Dataset
        The target, with the names of its users and items.
    train_data, valid_data, test_data
        RecBole's loaders of its splits.
    """

    model: Any
    settings: dict[str, Any]
    dataset: Any
    train_data: Any
    valid_data: Any
    test_data: Any


def load_with_data(path: str | PathLike[str]) -> TrainedModel:
    """Load a trained model, of this package or of RecBole's, together with its data.

    To recommend, `recbole_metarec.load` does without them.

    Parameters
    ----------
    path : path
        A checkpoint.

    Returns
    -------
    TrainedModel

    Raises
    ------
    UserError
        If the file is missing, damaged or no trained model, or the data are not those that it was trained on.
    """
    config, model, dataset, train_data, valid_data, test_data = load_data_and_model(fspath(path))
    return TrainedModel(model.eval(), to_plain(config), dataset, train_data, valid_data, test_data)
