from __future__ import annotations

import numpy as np
import pytest
import torch

from recbole_metarec.evidence.pairs import TimedPairs

N_ITEMS, LAST = 6, 19


def totals(pairs: TimedPairs, day: int) -> np.ndarray:
    """Add up what is known of each pair of items until a day, shape (V, I, I)."""
    items = torch.arange(N_ITEMS + 1)
    found = np.zeros((2, N_ITEMS + 1, N_ITEMS + 1))
    for item, first, count in zip(
        items.tolist(), *(part.tolist() for part in pairs.until(items, day)[:2]), strict=True
    ):
        entries = slice(first, first + count)
        for way in range(2):
            np.add.at(found[way, item], pairs.after[entries].numpy(), pairs.weights[way, entries].numpy())
    return found


@pytest.mark.parametrize("day", [LAST - 1, LAST, LAST + 1, LAST + 400])
def test_sums_of_equal_pairs_say_the_same_from_the_last_day_on(day: int) -> None:
    rng = np.random.default_rng(0)
    before, after, days = (rng.integers(1, top, 300).astype(np.int32) for top in (N_ITEMS + 1, N_ITEMS + 1, LAST + 1))
    days[0] = LAST
    pairs = TimedPairs(before, after, days, rng.random((300, 2)), N_ITEMS)
    summed = pairs.on(day)
    np.testing.assert_allclose(totals(summed, day), totals(pairs, day), rtol=1e-5)
    items = torch.arange(N_ITEMS + 1)
    torch.testing.assert_close(summed.until(items, day)[2], pairs.until(items, day)[2])
    assert (len(summed.after) <= N_ITEMS**2) == (day >= LAST)
