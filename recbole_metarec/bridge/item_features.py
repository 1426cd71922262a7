"""The features that a model of this package reads, prepared from RecBole's configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recbole.config import Config

from recbole_metarec.bridge.beginning import text_space_of
from recbole_metarec.bridge.config import data_path, settings_of, to_plain
from recbole_metarec.configuration.checkpoints import load_beginning
from recbole_metarec.features.item_files import ItemFiles
from recbole_metarec.features.modalities import Sharing
from recbole_metarec.features.suite import SuiteFeatures, prepare_suite
from recbole_metarec.lazy import load_object
from recbole_metarec.models import SPECS
from recbole_metarec.settings.features import FeatureSettings

if TYPE_CHECKING:
    from recbole_metarec.bridge.dataset import DomainDataset


def key_of(config: Config) -> str | None:
    """Return what tells the features of one configuration from those of another; ``None`` if its model reads none."""
    spec = SPECS.get(config["model"])
    if spec is None or not spec.reads_features(to_plain(config)):
        return None
    return repr((settings_of(config, spec.settings), config["init_from"]))


def prepare(config: Config, dataset: DomainDataset) -> SuiteFeatures:
    """Prepare the features that a configuration's model reads.

    Parameters
    ----------
    config : recbole.config.Config
        Of a run on the dataset, or of a member of an ensemble.
    dataset : DomainDataset
        Training part of the target.

    Returns
    -------
    SuiteFeatures

    Raises
    ------
    UserError
        See `SuiteFeatures`; also if a core that is asked for cannot be read.
    """
    spec, tokens, counts = SPECS[config["model"]], dataset.item_tokens(), dataset.domain().item_counts()[1:]
    sharing: Sharing = load_object(spec.sharing)(settings_of(config, spec.settings)) if spec.sharing else Sharing()
    if config["init_from"]:  # whose weights read texts as they were read then
        before = load_beginning(config["init_from"], config["model"])
        sharing = replace(sharing, text_space=text_space_of(before, config["init_from"]))
    return prepare_suite(
        settings_of(config, FeatureSettings),
        item_files(config),
        [config["dataset"], *(config["source_datasets"] or ())],
        tokens,
        [token for token, count in zip(tokens, counts, strict=True) if count],
        sharing,
        bool(config["show_progress"]),
    )


def item_files(config: Config) -> ItemFiles:
    """Say where the ``.item`` files of a configuration are, and how they are written."""
    encoding = config["encoding"] or "utf-8"
    return ItemFiles(data_path(config), config["ITEM_ID_FIELD"], config["field_separator"], encoding)


def prepare_features(config: Config, dataset: DomainDataset) -> None:
    """Prepare what a model, or each member of one, reads of items, before it is built.

    Parameters
    ----------
    config : recbole.config.Config
        Of a run.
    dataset : DomainDataset
        Training part of the target; that of a model of RecBole may be any.
    """
    spec = SPECS.get(config["model"])
    if spec is not None:
        for part in load_object(spec.members)(config) if spec.members else [config]:
            dataset.item_features(part)
