"""Experts against a naive loop, gates, and items that lack a modality."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from recbole_metarec.features.features import Categories, Vectors
from recbole_metarec.nn.adapter import FeatureAdapter
from recbole_metarec.nn.experts import Experts
from recbole_metarec.nn.item_features import FeatureBuffers, ItemFeatures
from recbole_metarec.nn.roles import Role, role_of

ITEMS, TEXT, IMAGE, OUT, BUCKETS = 7, 5, 4, 6, 3


def randomize(module: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))


def features(**present: list[int]) -> ItemFeatures:
    torch.manual_seed(1)
    values = {
        "text": torch.randn(ITEMS, TEXT),
        "image": torch.randn(ITEMS, IMAGE),
        "price": torch.randint(1, BUCKETS + 1, (ITEMS,)),
    }
    flags = {name: torch.ones(ITEMS, dtype=torch.bool) for name in values}
    for name, missing in present.items():
        flags[name][missing] = False
    return ItemFeatures(values, flags)


def adapter(fusion: float = 0.1) -> FeatureAdapter:
    torch.manual_seed(0)
    forms = {"text": Vectors(TEXT), "image": Vectors(IMAGE), "price": Categories(BUCKETS)}
    made = FeatureAdapter(forms, OUT, experts=3, dropout=0.0, fusion=fusion)
    randomize(made)
    return made.eval()


@pytest.mark.parametrize("whitening", [True, False])
@pytest.mark.parametrize("number", [1, 3])
def test_experts_are_whitenings_or_affine_maps_mixed_by_gates(whitening: bool, number: int) -> None:
    experts = Experts(TEXT, OUT, number, 0.0, whitening)
    randomize(experts)
    experts.eval()
    x = torch.randn(ITEMS, TEXT)
    gates = (x @ experts.gate).softmax(1)
    expected = torch.zeros(ITEMS, OUT)
    for k in range(number):
        weight, bias = experts.weight[k], experts.bias[k]
        expected += gates[:, k : k + 1] * ((x - bias) @ weight if whitening else x @ weight + bias)
    torch.testing.assert_close(experts(x), expected)
    assert torch.equal(experts.gates(x), gates)


def test_gates_start_even_and_are_noisy_in_training_only() -> None:
    experts, x = Experts(TEXT, OUT, 4, 0.0, True), torch.randn(2000, TEXT)
    assert torch.equal(experts.eval().gates(x), torch.full((2000, 4), 0.25))
    noisy = experts.train().gates(x)
    torch.testing.assert_close(noisy.sum(1), torch.ones(2000))
    # logits are noise of scale softplus(0) + 0.01
    spread = noisy.log() - noisy.log().mean(1, keepdim=True)
    assert float(spread.square().sum(1).mean()) == pytest.approx(3 * (math.log(2) + 0.01) ** 2, rel=0.1)


def test_a_missing_modality_adds_nothing_whatever_its_values_are() -> None:
    made, whole = adapter(), features()
    missing = features(image=[2, 3], price=[3])
    values: dict[str, Tensor] = {**missing.values, "image": missing.values["image"].clone()}
    values["image"][2:4] = 99
    found = made(ItemFeatures(values, missing.present))
    expected = made(whole)
    assert torch.equal(found.vectors[[0, 1, 4, 5, 6]], expected.vectors[[0, 1, 4, 5, 6]])
    torch.testing.assert_close(found.vectors[2], expected.parts["text"][2] + expected.parts["price"][2])
    torch.testing.assert_close(found.vectors[3], expected.parts["text"][3])
    nothing = made(features(text=[0], image=[0], price=[0]))
    assert not nothing.vectors[0].any()


def test_fusion_is_the_product_of_text_and_image() -> None:
    parts = adapter(fusion=0.0)(features()).parts
    fused = adapter(fusion=0.5)(features()).vectors
    expected = parts["text"] + parts["image"] + parts["price"] + 0.5 * parts["text"] * parts["image"]
    torch.testing.assert_close(fused, expected)


def test_modalities_that_a_domain_lacks_are_left_out() -> None:
    made, whole = adapter(), features()
    text = made(ItemFeatures({"text": whole.values["text"]}, {"text": whole.present["text"]}))
    assert set(text.parts) == {"text"}
    assert torch.equal(text.vectors, made(whole).parts["text"])


def test_rows_are_those_items() -> None:
    made, whole, ids = adapter(), features(text=[4]), torch.tensor([4, 0, 6])
    torch.testing.assert_close(made(whole.rows(ids)).vectors, made(whole).vectors[ids])


def test_a_category_has_a_table_and_affine_experts_that_other_domains_share() -> None:
    made = adapter()
    assert made.state_dict()["price.weight"].shape == (BUCKETS + 1, 64)
    whitened = {name: experts.whitening for name, experts in made.experts.items()}
    assert whitened == {"text": True, "image": True, "price": False}
    shared = {name for name in made.state_dict() if role_of(name, made.roles()) == Role.VALUES}
    assert shared == {"price.weight", "experts.price.bias"}


def test_stored_features_move_and_are_in_no_checkpoint() -> None:
    whole = features(image=[2])
    stored = FeatureBuffers(whole)
    assert not stored.state_dict()
    assert stored.to(torch.device("meta"))().values["text"].device.type == "meta"
    for name, flags in FeatureBuffers(whole)().present.items():
        assert torch.equal(flags, whole.present[name])
