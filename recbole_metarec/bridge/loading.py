"""Whole domains through RecBole's own reading and filters."""

from __future__ import annotations

import recbole.data.dataset
from recbole.config import Config
from recbole.utils import ModelType

from recbole_metarec.bridge.arrays import stored_whole, to_domain
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.domains.domain import Domain
from recbole_metarec.errors import UserError


def takes_domains(model: str, kind: ModelType, split_already: bool) -> bool:
    """Whether a model can read a `DomainDataset`: a sequential one that has no dataset of its own.

    Parameters
    ----------
    model : str
        Its name.
    kind : recbole.utils.ModelType
    split_already : bool
        Whether the files are, as ``benchmark_filename`` names them.

    Returns
    -------
    bool
    """
    dataset = getattr(recbole.data.dataset, f"{model}Dataset", DomainDataset)
    return kind == ModelType.SEQUENTIAL and not split_already and dataset is DomainDataset


def load_domain(config: Config) -> Domain:
    """Load a whole domain; see `load_catalogue`."""
    found = stored_whole(config)
    return _through_recbole(config)[1] if found is None else to_domain(found, config)


def load_catalogue(config: Config) -> tuple[Domain, list[str]]:
    """Load a whole domain and its items' names, with RecBole's own reading and filters.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration whose dataset is the domain.

    Returns
    -------
    domain : Domain
        Every interaction in exact order, but for users who have one only.
    tokens : list of str
        Name of each item, from item 1.

    Raises
    ------
    UserError
        If RecBole refuses the data, as it does when filters leave nothing.
    """
    found = stored_whole(config)
    if found is not None:
        return to_domain(found, config), found.item_names()
    dataset, domain = _through_recbole(config)
    return domain, dataset.item_tokens()


def _through_recbole(config: Config) -> tuple[DomainDataset, Domain]:
    try:
        dataset = DomainDataset(config)
        return dataset, dataset.whole_domain()
    except UserError:
        raise
    except ValueError as error:
        line = " ".join(str(error).split())
        raise UserError([f"{config['dataset']}: RecBole refuses the data: {line}"]) from error
