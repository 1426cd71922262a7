from __future__ import annotations

from collections import Counter
from itertools import accumulate, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.domains.domain import from_sequences
from recbole_metarec.domains.windows import WindowSampler, cut_windows, even_cuts

lengths = st.lists(st.integers(0, 12), min_size=1, max_size=20).filter(lambda found: max(found) > 1)


def numbered(lengths):
    """Sequences in which every item is unlike all others: item i + 1 follows item i."""
    ends = list(accumulate(lengths, initial=0))
    return from_sequences("shop", [list(range(begin + 1, end + 1)) for begin, end in pairwise(ends)], ends[-1])


def sampler(lengths=(3, 9, 1, 4, 2, 7, 5, 5), max_length=3, batch_size=2, seed=0):
    return WindowSampler(numbered(lengths), max_length, batch_size, seed)


def same(left, right):
    return all(torch.equal(ours, theirs) for ours, theirs in zip(left, right, strict=True))


@settings(deadline=None, max_examples=80)
@given(lengths, st.integers(1, 13), st.integers(1, 9), st.integers(0, 3), st.integers(0, 3))
def test_in_an_epoch_every_item_but_the_first_of_each_sequence_is_a_target_once(lengths, longest, size, seed, epoch):
    found = sampler(lengths, longest, size, seed)
    batches = list(found.epoch(epoch))
    pairs = Counter()
    for inputs, targets in batches:
        real = targets > 0
        pairs.update(zip(inputs[real].tolist(), targets[real].tolist(), strict=True))
    assert pairs == Counter(pair for items in found.domain for pair in pairwise(items.tolist()))
    assert len(batches) == len(found)


@settings(deadline=None, max_examples=80)
@given(lengths, st.integers(1, 13), st.integers(1, 9), st.integers(0, 3))
def test_windows_are_consecutive_items_and_then_zeros(lengths, longest, size, seed):
    found = sampler(lengths, longest, size, seed)
    begins = set(found.domain.offsets.tolist())
    for inputs, targets in found.epoch(0):
        assert inputs.shape == targets.shape
        assert inputs.dtype == targets.dtype == torch.int64
        assert inputs.shape[1] <= longest
        assert (inputs > 0).any(0).all()
        for row, follow in zip(inputs.tolist(), targets.tolist(), strict=True):
            real = sum(item > 0 for item in follow)
            assert real >= 1
            assert follow == [row[0] + 1 + n for n in range(real)] + [0] * (len(row) - real)
            assert row == [row[0] + n for n in range(real)] + [0] * (len(row) - real)
            assert not begins & set(range(row[0], row[0] + real))  # no window runs into the next sequence


@settings(deadline=None, max_examples=50)
@given(lengths, st.integers(1, 13))
def test_only_the_oldest_window_of_a_sequence_may_be_short(lengths, longest):
    domain = numbered(lengths)
    starts, sizes = cut_windows(domain, longest)
    for s, length in enumerate(lengths):
        mine = (starts >= domain.offsets[s]) & (starts < domain.offsets[s + 1])
        by_age = [int(size) for _, size in sorted(zip(starts[mine], sizes[mine], strict=True))]
        full, rest = divmod(max(length - 1, 0), longest)
        assert by_age == [rest] * (rest > 0) + [longest] * full


def test_a_batch_is_the_same_whatever_was_asked_before():
    expected = {(epoch, step): sampler().batch(epoch, step) for epoch in range(3) for step in range(len(sampler()))}
    found = sampler()
    for epoch, step in [(2, 1), (0, 3), (2, 0), (1, 1), (0, 0), (2, 1), *reversed(expected)]:
        assert same(found.batch(epoch, step), expected[epoch, step])


def test_an_epoch_is_its_batches_in_order():
    for step, batch in enumerate(sampler().epoch(2)):
        assert same(batch, sampler().batch(2, step))


@pytest.mark.parametrize(("seed", "epoch"), [(1, 0), (0, 1)])
def test_another_epoch_or_seed_shuffles_anew(seed, epoch):
    before, after = list(sampler(range(2, 30)).epoch(0)), list(sampler(range(2, 30), seed=seed).epoch(epoch))
    assert not all(a.inputs.shape == b.inputs.shape and same(a, b) for a, b in zip(before, after, strict=True))


def test_batches_of_different_epochs_hold_different_windows():
    found = sampler([6] * 40, max_length=5, batch_size=4)
    first, second = ({frozenset(batch.inputs[:, 0].tolist()) for batch in found.epoch(epoch)} for epoch in (0, 1))
    assert len(first & second) < len(found) / 2


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 3), st.integers(0, 40))
def test_steps_beyond_the_end_go_on_in_the_next_epochs(epoch, step):
    found = sampler()
    assert same(found.batch(epoch, step), found.batch(epoch + step // len(found), step % len(found)))


def test_only_the_longest_window_of_a_batch_decides_its_width():
    found = sampler([2] * 32 + [9] * 4, max_length=50, batch_size=9)
    assert sorted(tuple(batch.inputs.shape) for batch in found.epoch(0)) == [(2, 8), (2, 8), (16, 1), (16, 1)]


@settings(deadline=None, max_examples=80)
@given(lengths, st.integers(1, 13), st.integers(1, 9), st.integers(0, 3))
def test_batches_have_the_same_number_of_targets_give_or_take_a_window(lengths, longest, size, seed):
    found = sampler(lengths, longest, size, seed)
    counts = [int((batch.targets > 0).sum()) for batch in found.epoch(0)]
    windows = [len(batch.inputs) for batch in found.epoch(0)]
    assert min(windows) >= 1
    if min(windows) > 1:
        mean = sum(counts) / len(counts)
        assert max(abs(count - mean) for count in counts) <= longest


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.data())
def test_even_cuts_leave_no_part_empty(sizes, data):
    parts = data.draw(st.integers(1, len(sizes)))
    cuts = even_cuts(np.array(sizes), parts)
    assert len(cuts) == parts - 1
    assert (np.diff([0, *cuts, len(sizes)]) > 0).all()


@pytest.mark.parametrize(("windows", "size", "batches"), [(8, 4, 2), (9, 4, 3), (1, 4, 1), (3, 1, 3)])
def test_length_counts_batches_and_the_last_may_be_smaller(windows, size, batches):
    found = sampler([2] * windows, batch_size=size)
    assert len(found) == batches
    assert sum(len(batch.inputs) for batch in found.epoch(0)) == windows


@pytest.mark.parametrize("max_length", [0, -1])
def test_windows_without_a_target_are_refused(max_length):
    with pytest.raises(ValueError, match="max_length must be at least 1"):
        sampler(max_length=max_length)


@pytest.mark.parametrize("batch_size", [0, -3])
def test_empty_batches_are_refused(batch_size):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        sampler(batch_size=batch_size)


@pytest.mark.parametrize("lengths", [[], [1], [1, 0, 1]])
def test_a_domain_with_nothing_to_learn_from_is_refused(lengths):
    with pytest.raises(ValueError, match="shop: no sequence has two items"):
        sampler(lengths)
