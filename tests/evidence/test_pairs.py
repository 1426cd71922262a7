from __future__ import annotations

import numpy as np
import pytest
import torch

from recbole_metarec.evidence.pairs import PairsByDay, SummedPairs, TimedPairs

N_ITEMS, LAST = 6, 19


def totals(pairs: TimedPairs | SummedPairs, day: int) -> np.ndarray:
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


def random_pairs(seed: int = 0) -> TimedPairs:
    rng = np.random.default_rng(seed)
    before, after, days = (rng.integers(1, top, 300).astype(np.int32) for top in (N_ITEMS + 1, N_ITEMS + 1, LAST + 1))
    days[0] = LAST
    return TimedPairs(before, after, days, rng.random((300, 2)), N_ITEMS)


@pytest.mark.parametrize("day", [LAST, LAST + 1, LAST + 400])
def test_sums_of_equal_pairs_say_the_same_behind_the_last_day(day: int) -> None:
    pairs = random_pairs()
    asked = PairsByDay(lambda: pairs, LAST).on(day)
    np.testing.assert_allclose(totals(asked, day), totals(pairs, day), rtol=1e-5)
    items = torch.arange(N_ITEMS + 1)
    torch.testing.assert_close(asked.until(items, day)[2], pairs.until(items, day)[2])
    assert (len(asked.after) <= N_ITEMS**2) == (day > LAST)
    if day > LAST:
        for found, wanted in zip(asked.known(day), pairs.summed().known(day), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_known_sums_are_asked_without_making_single_pairs() -> None:
    def not_needed() -> TimedPairs:
        raise AssertionError("single pairs were made")

    summed = random_pairs().summed()
    kept = SummedPairs.of_state(summed.state(), N_ITEMS)
    for found, wanted in zip(PairsByDay(not_needed, LAST, kept).on(LAST + 1), summed, strict=True):
        assert torch.equal(found, wanted)
    with pytest.raises(AssertionError):
        PairsByDay(not_needed, LAST, kept).on(LAST)


@pytest.mark.parametrize("field", SummedPairs._fields)
def test_sums_that_do_not_fit_are_refused(field: str) -> None:
    state = random_pairs().summed().state()
    damaged = {**state, field: state[field][..., 1:]}
    with pytest.raises(ValueError, match="do not fit"):
        SummedPairs.of_state(damaged, N_ITEMS)
    with pytest.raises(ValueError, match="do not fit"):
        SummedPairs.of_state({**state, "after": state["after"] + N_ITEMS}, N_ITEMS)
