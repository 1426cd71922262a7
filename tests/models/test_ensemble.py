"""What the members of an ensemble are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planted
import pytest
import torch
from recbole.data import data_preparation

from recbole_metarec.bridge.config import PluginConfig, to_plain
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.models.ensemble.model import Ensemble
from recbole_metarec.models.metarec.model import MetaRec


def training_part(config: PluginConfig) -> Any:
    return data_preparation(config, DomainDataset(config))[0]._dataset


@pytest.fixture
def members(tmp_path: Path) -> list[PluginConfig]:
    """Configurations of MetaRec with features, with sources and without."""
    planted.write_featured_suite(tmp_path, target_users=20, source_users=20)
    sources = (planted.FEATURED_SOURCES, [])
    settings = [
        planted.featured_settings(tmp_path, model="MetaRec", item_features=True, source_datasets=names)
        for names in sources
    ]
    return [PluginConfig("MetaRec", planted.FEATURED_TARGET, own) for own in settings]


def test_each_member_reads_the_features_that_it_was_trained_with(members: list[PluginConfig]) -> None:
    plain = [to_plain(member) for member in members]
    config = PluginConfig("Ensemble", planted.FEATURED_TARGET, {**plain[0], "model": "Ensemble", "members": plain})
    together = [member.features() for member in Ensemble(config, training_part(config)).members]
    alone = [MetaRec(member, training_part(member)).features() for member in members]
    for expected, found in zip(alone, together, strict=True):
        assert expected is not None
        torch.testing.assert_close(found.values, expected.values, rtol=0, atol=0)
    assert not torch.equal(together[0].values["text"], together[1].values["text"])
