"""Components bring their checks along, and others can add to what a key accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from recbole_metarec.models.ant.settings import ANTSettings
from recbole_metarec.nn import backbones
from recbole_metarec.settings.backbone import HEADS_DIVIDE, BackboneSettings
from recbole_metarec.settings.base import CrossCheck, Settings, option, problem
from recbole_metarec.settings.kinds import Count


def _is_even(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["width"] % 2:
        yield "--width: must be even"


class Component(Settings):
    checks: ClassVar[tuple[CrossCheck, ...]] = ((("width",), _is_even),)

    width: Count = option(4)


class Model(Component, BackboneSettings):
    pass


def test_a_model_has_the_checks_of_its_components() -> None:
    assert Model.cross_checks() == [*Component.checks, HEADS_DIVIDE]
    assert HEADS_DIVIDE in ANTSettings.cross_checks()


def test_a_backbone_that_others_add_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem(Model, "backbone", "mamba") == "must be one of transformer, gru, lru"
    monkeypatch.setattr(backbones, "BACKBONES", dict.fromkeys(["transformer", "mamba"]))
    assert problem(Model, "backbone", "mamba") is None
