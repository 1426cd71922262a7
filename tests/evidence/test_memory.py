from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.domains.domain import from_sequences
from recbole_metarec.evidence.memory import TransitionMemory
from recbole_metarec.evidence.transitions import transitions

N_ITEMS = 6
SEQUENCE = st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=8)
FOUND = transitions(from_sequences("shop", [[1, 2, 3, 4, 2], [3, 1], [5, 4, 1], [2, 3]], N_ITEMS), 2, 0.5, 3.0)
DENSE = FOUND.known.toarray() + np.outer(FOUND.background, FOUND.popularity)


def memory(decay: float, depth: int) -> TransitionMemory:
    known, background, popularity = FOUND
    arrays = (known.indptr.astype(np.int64), known.indices.astype(np.int64), known.data, background, popularity)
    return TransitionMemory(*map(torch.from_numpy, arrays), decay=decay, depth=depth)


def by_hand(sequence: list[int], decay: float, depth: int) -> np.ndarray:
    last = sequence[::-1][:depth]
    weights = decay ** np.arange(len(last))
    return sum(weight * DENSE[item] for weight, item in zip(weights, last, strict=True)) / weights.sum()


@settings(deadline=None, max_examples=60)
@given(st.lists(SEQUENCE, min_size=1, max_size=5), st.sampled_from([0.3, 1.0]), st.integers(1, 10), st.integers(0, 3))
def test_it_mixes_the_transitions_of_the_last_items(
    sequences: list[list[int]], decay: float, depth: int, padding: int
) -> None:
    longest = max(map(len, sequences)) + padding
    item_seq = torch.tensor([sequence + [0] * (longest - len(sequence)) for sequence in sequences])
    found = memory(decay, depth)(item_seq, torch.tensor([len(sequence) for sequence in sequences]))
    expected = np.stack([by_hand(sequence, decay, depth) for sequence in sequences])
    np.testing.assert_allclose(found.exp().numpy(), expected, rtol=1e-4, atol=1e-7)


def test_it_adds_nothing_to_a_checkpoint() -> None:
    assert memory(0.5, 3).state_dict() == {}
