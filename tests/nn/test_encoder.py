from __future__ import annotations

import pytest
import torch
from backbones import make_backbone

from recbole_metarec.nn.batches import Negatives, make_batch
from recbole_metarec.nn.encoder import SharedEncoder
from recbole_metarec.nn.loss import full_softmax
from recbole_metarec.nn.quantizers import MultiHeadQuantizer

WIDTH, ITEMS = 8, 6
INPUTS = torch.tensor([[1, 2, 3, 4], [5, 1, 0, 0]])
TARGETS = torch.tensor([[2, 3, 4, 5], [1, 6, 0, 0]])


def encoder(backbone="gru", quantized=True, residual=False, **options):
    torch.manual_seed(0)
    body = make_backbone(
        backbone, width=WIDTH, layers=1, heads=2, inner_width=12, dropout=0.0, attention_dropout=0.0, max_length=4
    )
    quantizer = MultiHeadQuantizer(width=WIDTH, heads=2, codes=4, code_width=4, residual=residual)
    return SharedEncoder(body, quantizer if quantized else None, **options).double()


def table(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(ITEMS + 1, WIDTH, generator=generator, dtype=torch.float64).requires_grad_()


def loss_of(model, rows, inputs, targets, negatives=None, **options):
    return model(rows, make_batch(inputs, targets, negatives), **options).loss


def everything():
    """Every item drawn once."""
    ids = torch.tensor([3, 1, 6, 2, 5, 4])
    return Negatives(ids, torch.zeros(ITEMS + 1, dtype=torch.float64))


def by_hand(model, rows, inputs, outputs):
    """Full softmax of each window for itself, without padding."""
    states, targets = [], []
    for items, follow in zip(INPUTS, TARGETS, strict=True):
        real = follow > 0
        states.append(model.backbone(inputs[items[real]][None])[0])
        targets.append(follow[real])
    return full_softmax(torch.cat(states), outputs, torch.cat(targets))


@pytest.mark.parametrize("backbone", ["transformer", "gru", "lru"])
@pytest.mark.parametrize("residual", [False, True])
def test_loss_is_the_cross_entropy_of_the_windows_plus_the_quantizers_weighted_loss(backbone, residual):
    model, rows = encoder(backbone, residual=residual, quantizer_weight=0.3), table()
    quantized = model.quantizer(rows[1:])
    vectors = torch.cat([torch.zeros(1, WIDTH).double(), quantized.vectors])
    expected = by_hand(model, rows, vectors, vectors) + 0.3 * quantized.loss
    torch.testing.assert_close(loss_of(model, rows, INPUTS, TARGETS), expected)


def test_scoring_with_embeddings_reads_quantized_vectors_and_scores_raw_ones():
    model, rows = encoder(score_with="embedding"), table()
    quantized = model.quantizer(rows[1:])
    vectors = torch.cat([torch.zeros(1, WIDTH).double(), quantized.vectors])
    expected = by_hand(model, rows, vectors, rows) + quantized.loss
    torch.testing.assert_close(loss_of(model, rows, INPUTS, TARGETS), expected)
    assert not torch.isclose(expected, loss_of(encoder(), rows, INPUTS, TARGETS))


@pytest.mark.parametrize("negatives", [None, everything()])
def test_gradients_of_several_threads_are_the_same_every_time(negatives):
    model, rows = encoder().float(), table().detach().float().requires_grad_()
    inputs = torch.randint(1, ITEMS + 1, (1024, 40), generator=torch.Generator().manual_seed(0))
    negatives = negatives and Negatives(negatives.rows, negatives.log_inclusion.float())
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        wanted = [rows, *model.quantizer.parameters()]
        found = [torch.autograd.grad(loss_of(model, rows, inputs, inputs, negatives), wanted) for _ in range(5)]
    finally:
        torch.set_num_threads(threads)
    for again in found[1:]:
        assert all(torch.equal(x, y) for x, y in zip(found[0], again, strict=True))


@pytest.mark.parametrize("negatives", [None, everything()])
def test_padding_takes_no_part(negatives):
    model, rows = encoder(), table()
    (gradient,) = torch.autograd.grad(loss_of(model, rows, INPUTS, TARGETS, negatives), rows)
    assert not gradient[0].any()
    assert gradient[1:].any(1).all()
    changed = torch.cat([rows[:1] + 5, rows[1:]])
    found, expected = (loss_of(model, x, INPUTS, TARGETS, negatives) for x in (changed, rows))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("score_with", ["quantized", "embedding"])
def test_without_a_quantizer_embeddings_are_read_and_scored_as_they_are(score_with):
    model, rows = encoder(quantized=False, score_with=score_with), table()
    torch.testing.assert_close(loss_of(model, rows, INPUTS, TARGETS), by_hand(model, rows, rows, rows))
    items = model.item_vectors(rows)
    assert items.inputs is rows
    assert items.outputs is rows
    assert items.loss == 0
    assert items.codes is None


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("score_with", ["quantized", "embedding"])
@pytest.mark.parametrize("backbone", ["transformer", "gru", "lru"])
def test_with_every_item_drawn_once_the_sampled_loss_is_the_full_one(backbone, score_with, quantized):
    model, rows = encoder(backbone, quantized, score_with=score_with), table()
    wanted = [rows, *model.backbone.parameters()]
    losses = [loss_of(model, rows, INPUTS, TARGETS, negatives) for negatives in (None, everything())]
    torch.testing.assert_close(*losses)
    for full, sampled in zip(*(torch.autograd.grad(loss, wanted) for loss in losses), strict=True):
        torch.testing.assert_close(sampled, full)


def test_sampled_loss_takes_each_items_own_correction():
    model, rows = encoder(quantized=False), table()
    draws = torch.tensor([0.0, 1.0, 2.0, 3.0, 1.0, 0.5, 4.0], dtype=torch.float64)
    alike = Negatives(everything().rows, torch.full((ITEMS + 1,), 7.0).double())
    drawn_alike = loss_of(model, rows, INPUTS, TARGETS, alike)
    torch.testing.assert_close(drawn_alike, loss_of(model, rows, INPUTS, TARGETS))
    # a correction is a bias of the item's scores
    states = model.backbone(rows[INPUTS])[TARGETS > 0]
    expected = torch.nn.functional.cross_entropy((states @ rows.T - draws)[:, 1:], TARGETS[TARGETS > 0] - 1)
    torch.testing.assert_close(loss_of(model, rows, INPUTS, TARGETS, Negatives(everything().rows, draws)), expected)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("backbone", ["transformer", "gru", "lru"])
def test_positions_with_target_0_do_not_count(backbone, sampled):
    model, rows, negatives = encoder(backbone), table(), everything() if sampled else None
    other = INPUTS.clone()
    other[1, 2] = 4
    found, expected = (loss_of(model, rows, x, TARGETS, negatives) for x in (other, INPUTS))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("backbone", ["transformer", "gru", "lru"])
def test_wider_padding_does_not_change_the_loss(backbone):
    model, rows = encoder(backbone), table()
    narrow = [x[:, :2] for x in (INPUTS, TARGETS)]
    wide = [torch.nn.functional.pad(x, (0, 2)) for x in narrow]
    torch.testing.assert_close(loss_of(model, rows, *wide), loss_of(model, rows, *narrow))


def test_loss_is_the_mean_over_positions_and_not_over_windows():
    model, rows = encoder(quantized=False), table()
    long, short = (loss_of(model, rows, INPUTS[n : n + 1], TARGETS[n : n + 1]) for n in (0, 1))
    torch.testing.assert_close(loss_of(model, rows, INPUTS, TARGETS), (4 * long + 2 * short) / 6)


@pytest.mark.parametrize("backbone", ["transformer", "gru", "lru"])
def test_operations_with_a_second_derivative_give_the_same_loss(backbone):
    model, rows = encoder(backbone), table()
    found, expected = (loss_of(model, rows, INPUTS, TARGETS, twice_differentiable=twice) for twice in (True, False))
    torch.testing.assert_close(found, expected)


def test_the_table_of_a_domain_is_no_part_of_the_shared_parameters():
    names = {name.split(".")[0] for name, _ in encoder().named_parameters()}
    assert names == {"backbone", "quantizer"}
