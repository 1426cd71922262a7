"""Contrastive losses against naive loops."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from recbole_metarec.nn.contrast import image_text_contrast, next_item_contrast

TAU = 0.3


def naive(states: Tensor, vectors: Tensor, targets: list[int], domain: list[int] | None) -> float:
    """Compare each position with all others' targets, but for those that are its own."""
    losses = []
    for n, target in enumerate(targets):
        others = [
            other
            for m, other in enumerate(targets)
            if m != n and other != target and (domain is None or domain[other] == domain[target])
        ]
        scores = [float(states[n] @ vectors[item]) / TAU for item in [target, *others]]
        losses.append(math.log(sum(map(math.exp, scores))) - scores[0])
    return sum(losses) / len(losses)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=9), st.integers(0, 100), st.booleans())
def test_duplicates_of_a_positive_are_left_out(ids: list[int], seed: int, within: bool) -> None:
    torch.manual_seed(seed)
    states, vectors = (normalize(torch.randn(n, 3, dtype=torch.float64), dim=1) for n in (len(ids), 5))
    domain = torch.randint(2, (5,))
    distinct, targets = torch.tensor(ids).unique(return_inverse=True)
    groups = (domain[distinct][targets], domain[distinct]) if within else None
    found = next_item_contrast(states, vectors[distinct], targets, TAU, groups)
    assert float(found) == pytest.approx(naive(states, vectors, ids, domain.tolist() if within else None), abs=1e-6)


def test_a_batch_of_one_target_teaches_nothing() -> None:
    states = normalize(torch.randn(4, 3), dim=1).requires_grad_()
    loss = next_item_contrast(states, normalize(torch.randn(1, 3), dim=1), torch.zeros(4, dtype=torch.long), TAU)
    assert float(loss) == 0
    assert not torch.autograd.grad(loss, states)[0].any()


def test_pictures_are_compared_with_all_texts() -> None:
    images, texts = (normalize(torch.randn(6, 4), dim=1) for _ in range(2))
    expected = -torch.log_softmax(images @ texts.T / TAU, 1).diagonal().mean()
    torch.testing.assert_close(image_text_contrast(images, texts, TAU), expected)
    assert float(image_text_contrast(images[:0], texts[:0], TAU)) == 0
