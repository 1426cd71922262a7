"""Batches: what a step takes from a domain, and how gradients find their way back into its table."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from backbones import make_backbone
from torch import nn

from recbole_metarec.domains.domain import from_sequences
from recbole_metarec.models.metarec.settings import MetaRecSettings
from recbole_metarec.models.metarec.tasks import DomainTask
from recbole_metarec.nn.encoder import SharedEncoder
from recbole_metarec.training.sampler import BatchSampler

WIDTH, ITEMS = 8, 40
CONFIG = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "train_batch_size": 5,
    "n_negatives": 4,
    "negative_power": 0.75,
    "softmax": "sampled",
    "learner": "adamw",
}


def make_task(**changes):
    rng = np.random.default_rng(0)
    sequences = [rng.integers(1, ITEMS + 1, rng.integers(2, 9)).tolist() for _ in range(13)]
    table = nn.Parameter(torch.randn(ITEMS + 1, WIDTH, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        table[0] = 0
    return DomainTask(from_sequences("d", sequences, ITEMS), table, MetaRecSettings(**{**CONFIG, **changes}), seed=3)


def make_encoder():
    torch.manual_seed(0)
    body = make_backbone(
        "transformer", width=WIDTH, layers=1, heads=2, inner_width=8, dropout=0.0, attention_dropout=0.0, max_length=6
    )
    return SharedEncoder(body, None)


def items_of(drawn, batch, rows):
    return rows if drawn.ids is None else drawn.ids[rows]


@pytest.mark.parametrize("softmax", ["full", "sampled"])
@pytest.mark.parametrize("parts", [1, 2, 3, 9])
def test_parts_deal_out_the_windows_of_the_undivided_batch(softmax, parts):
    task = make_task(softmax=softmax)
    for step in range(len(task.windows)):
        windows = task.windows.batch(1, step)
        drawn = task.draw(1, step, parts)
        assert len(drawn.batches) == min(parts, len(windows.inputs))
        pairs = []
        for batch in drawn.batches:
            inputs = items_of(drawn, batch, batch.inputs_BL).flatten()[batch.places_N]
            pairs += list(zip(inputs.tolist(), items_of(drawn, batch, batch.targets_N).tolist(), strict=True))
        real = windows.targets > 0
        assert sorted(pairs) == sorted(zip(windows.inputs[real].tolist(), windows.targets[real].tolist(), strict=True))


def test_rows_are_the_items_of_the_lesson_alone_padding_first():
    task = make_task()
    drawn = task.draw(0, 1)
    windows = task.windows.batch(0, 1)
    negatives = drawn.ids[drawn.batches[0].negatives.rows]
    expected = {0, *windows.inputs.flatten().tolist(), *windows.targets.flatten().tolist(), *negatives.tolist()}
    assert drawn.ids.tolist() == sorted(expected)
    assert torch.equal(task.rows(drawn), task.table[drawn.ids])
    assert torch.equal(drawn.batches[0].negatives.log_inclusion, task.log_inclusion[drawn.ids])


@pytest.mark.parametrize("learner", ["adamw", "rmsprop"])
def test_gradients_of_rows_are_those_of_the_table(learner):
    task, encoder = make_task(learner=learner), make_encoder()
    drawn = task.draw(0, 0)
    rows = task.rows(drawn)
    encoder(rows, drawn.batches[0]).loss.backward()
    task.set_gradient(drawn, rows.grad)
    assert task.table.grad.is_sparse == (learner == "adamw")
    found = task.table.grad.to_dense() if learner == "adamw" else task.table.grad
    batch = drawn.batches[0]
    to_item = drawn.ids
    whole = batch._replace(
        inputs_BL=to_item[batch.inputs_BL],
        targets_N=to_item[batch.targets_N],
        negatives=batch.negatives._replace(rows=to_item[batch.negatives.rows], log_inclusion=task.log_inclusion),
    )
    (expected,) = torch.autograd.grad(encoder(task.table, whole).loss, task.table)
    torch.testing.assert_close(found, expected)
    assert found[1:].any(1).sum() < ITEMS


def test_a_full_softmax_takes_the_table_as_it_is():
    task = make_task(softmax="full")
    drawn = task.draw(0, 0)
    assert drawn.ids is None
    assert task.rows(drawn) is task.table


@pytest.mark.parametrize("softmax", ["full", "sampled"])
def test_items_that_nobody_had_can_be_no_candidates(softmax):
    sequences = [[3, 7, 3, 12], [12, 40, 5], [7, 5]]
    domain = from_sequences("d", sequences, ITEMS)
    settings = MetaRecSettings(**{**CONFIG, "softmax": softmax, "n_negatives": 1000})
    every, some = (BatchSampler(domain, settings, 6, 5, 3, torch.device("cpu"), unseen) for unseen in (True, False))
    assert some.draw(0, 0).ids.tolist() == [0, 3, 5, 7, 12, 40]
    ours, theirs = some.draw(0, 0), every.draw(0, 0)
    (batch,), (wanted,) = ours.batches, theirs.batches
    assert torch.equal(items_of(ours, batch, batch.inputs_BL), items_of(theirs, wanted, wanted.inputs_BL))
    assert torch.equal(items_of(ours, batch, batch.targets_N), items_of(theirs, wanted, wanted.targets_N))
    assert batch.negatives is None or torch.isfinite(batch.negatives.log_inclusion[1:]).all()
