"""The table of re-learning, component by component."""

from __future__ import annotations

import pytest
import torch
from backbones import make_backbone
from hypothesis import given
from hypothesis import strategies as st

from recbole_metarec.features.features import Categories, Vectors
from recbole_metarec.models.ant.core import Core
from recbole_metarec.nn.adapter import FeatureAdapter
from recbole_metarec.nn.backbones import BACKBONES
from recbole_metarec.nn.roles import role_of
from recbole_metarec.transfer.relearn import RULES, adapt

FORMS = {"text": Vectors(5), "image": Vectors(3), "price": Categories(4)}


def make_core(backbone: str, seed: int) -> Core:
    torch.manual_seed(seed)
    adapter = FeatureAdapter(FORMS, 8, experts=2, dropout=0.0, fusion=0.1)
    sizes = {"width": 8, "layers": 2, "heads": 2, "inner_width": 8, "max_length": 6}
    return Core(adapter, make_backbone(backbone, **sizes))


def draw(backbone: str, seed: int) -> dict[str, torch.Tensor]:
    core = make_core(backbone, seed)
    return {name: torch.randn_like(value) for name, value in core.state_dict().items()}


ROLES = {backbone: make_core(backbone, 0).roles() for backbone in BACKBONES}


def taken_and_frozen(backbone: str, rule: str) -> tuple[set[str], set[str]]:
    drawn, pretrained = draw(backbone, 1), draw(backbone, 2)
    found = adapt(drawn, pretrained, ROLES[backbone], RULES[rule])
    taken = {name for name, value in found.parameters.items() if torch.equal(value, pretrained[name])}
    assert all(torch.equal(found.parameters[name], drawn[name]) for name in drawn.keys() - taken)
    return taken, set(found.frozen)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_relearning_keeps_and_freezes_the_sequence_model_and_draws_the_rest_anew(backbone: str) -> None:
    taken, frozen = taken_and_frozen(backbone, "relearn")
    names = draw(backbone, 1).keys()
    norm = {name for name in names if name.startswith("backbone.norm.")}
    encoder = {name for name in names if name.startswith("backbone.")} - norm - {"backbone.position"}
    assert frozen == encoder
    assert taken == encoder | norm | {"adapter.price.weight", "adapter.experts.price.bias"}
    anew = {name.split(".")[-1] for name in names - taken if "text" in name or "image" in name}
    assert anew == {"weight", "bias", "gate", "noise"}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_other_rules_take_all_or_nothing(backbone: str) -> None:
    names = set(draw(backbone, 1))
    assert taken_and_frozen(backbone, "finetune") == (names, set())
    assert taken_and_frozen(backbone, "frozen") == (names, names)
    assert taken_and_frozen(backbone, "scratch") == (set(), set())


@given(st.sets(st.sampled_from(sorted(draw("transformer", 1)))), st.sampled_from(sorted(RULES)))
def test_what_the_core_lacks_is_as_drawn_and_learns_or_refused(lacking: set[str], rule: str) -> None:
    drawn, pretrained = draw("transformer", 1), draw("transformer", 2)
    pretrained = {name: value for name, value in pretrained.items() if name not in lacking} | {"other": torch.zeros(1)}
    if any(role_of(name, ROLES["transformer"]) in RULES[rule].needed for name in {*lacking, "other"}):
        with pytest.raises(ValueError, match=r"lacks|has, which the model has not, other"):
            adapt(drawn, pretrained, ROLES["transformer"], RULES[rule])
        return
    found = adapt(drawn, pretrained, ROLES["transformer"], RULES[rule])
    assert found.parameters.keys() == drawn.keys()
    assert not found.frozen & lacking
    assert all(torch.equal(found.parameters[name], drawn[name]) for name in lacking)


def test_the_result_shares_no_memory() -> None:
    drawn, pretrained = draw("transformer", 1), draw("transformer", 2)
    for value in adapt(drawn, pretrained, ROLES["transformer"], RULES["relearn"]).parameters.values():
        value.zero_()
    assert all(value.any() for value in [*drawn.values(), *pretrained.values()])


@pytest.mark.parametrize("rule", ["relearn", "finetune", "frozen"])
def test_cores_of_nothing_or_of_another_backbone_are_refused(rule: str) -> None:
    for pretrained in ({}, draw("gru", 2), {**draw("transformer", 2), "backbone.layers.9.weight": torch.zeros(1)}):
        with pytest.raises(ValueError, match=r"lacks|has, which the model has not, backbone"):
            adapt(draw("transformer", 1), pretrained, ROLES["transformer"], RULES[rule])


def test_other_shapes_are_named() -> None:
    drawn, pretrained = draw("transformer", 1), draw("transformer", 2)
    pretrained["backbone.norm.weight"] = torch.zeros(9)
    pretrained["adapter.gate"] = torch.zeros(9)
    with pytest.raises(ValueError, match=r"^backbone.norm.weight: \(9,\) in place of \(8,\)$"):
        adapt(drawn, pretrained, ROLES["transformer"], RULES["relearn"])
