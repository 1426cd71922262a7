"""Features of a dataset's items: prepared once for each configuration, before a model is built."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
from recbole.data import data_preparation

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.item_features import prepare_features
from recbole_metarec.models.ant.model import ANT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    planted.write_featured_suite(tmp_path, target_users=20, source_users=20)
    return tmp_path


def configuration(root: Path, **changes: Any) -> PluginConfig:
    settings = planted.featured_settings(root, **changes)
    return PluginConfig(str(settings["model"]), planted.FEATURED_TARGET, settings)


def training_part(config: PluginConfig) -> Any:
    return data_preparation(config, DomainDataset(config))[0]._dataset


def test_they_are_prepared_once_for_each_configuration(root: Path) -> None:
    config, dataset = configuration(root), training_part(configuration(root))
    prepared = dataset.item_features(config)
    assert dataset.item_features(configuration(root)) is prepared
    other = dataset.item_features(configuration(root, modalities=["price"]))
    assert other is not prepared
    assert set(other.forms) == {"price"}
    assert dataset.item_features(configuration(root, model="MetaRec")) is None


def test_other_interactions_have_features_of_their_own(root: Path) -> None:
    config = configuration(root)
    dataset = training_part(config)
    prepared = dataset.item_features(config)
    few = dataset.copy(dataset.inter_feat[np.arange(40)])
    assert set(few.item_features(config).text_space(dataset.dataset_name).vocabulary) < set(
        prepared.text_space(dataset.dataset_name).vocabulary
    )


def test_a_model_reads_no_file(root: Path) -> None:
    config = configuration(root)
    dataset = training_part(config)
    prepare_features(config, dataset)
    shutil.rmtree(root / planted.FEATURED_TARGET)
    shutil.rmtree(config["feature_cache"])
    assert ANT(config, dataset).features() is not None
    assert not Path(config["feature_cache"]).exists()
