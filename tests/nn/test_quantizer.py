from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.nn.quantizers import MultiHeadQuantizer
from recbole_metarec.nn.quantizers.multi_head import MIN_USAGE, _StraightThrough
from recbole_metarec.nn.quantizers.usage import codebook_usage

WIDTH, HEADS, CODES, CODE_WIDTH = 6, 3, 5, 4
KINDS = [{}, {"residual": True}, {"moving_average": 0.9}, {"moving_average": 0.9, "residual": True}]


def quantizer(seed=0, **options):
    torch.manual_seed(seed)
    shape = {"width": WIDTH, "heads": HEADS, "codes": CODES, "code_width": CODE_WIDTH}
    return MultiHeadQuantizer(**{**shape, **options}).double()


def vectors(seed=1, rows=20, width=WIDTH):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator, dtype=torch.float64).requires_grad_()


def projected_by_hand(module, z):
    part = WIDTH // HEADS
    return torch.stack([z[:, h * part : (h + 1) * part] @ module.project_in[h] for h in range(HEADS)], 1)


def codes_by_hand(module, z):
    """Nearest code of each vector and head, from all differences."""
    distances = (projected_by_hand(module, z)[:, :, None] - module.codebook).square().sum(-1)
    return distances.argmin(-1)


def entries_by_hand(module, codes):
    return torch.stack([module.codebook[h, codes[:, h]] for h in range(HEADS)], 1)


# Forward -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", KINDS)
def test_codes_are_the_nearest_by_brute_force(options):
    module, z = quantizer(**options), vectors(rows=100)
    found = module(z).codes
    assert torch.equal(found, codes_by_hand(module, z))
    assert len(found.unique()) == CODES


def test_decoding_the_codes_gives_the_quantized_vectors():
    module, z = quantizer(), vectors()
    found = module(z)
    torch.testing.assert_close(module.decode(found.codes), found.vectors)
    assert not torch.allclose(found.vectors, z)


def test_a_residual_quantizer_adds_the_vectors_to_their_decoded_codes():
    module, z = quantizer(residual=True), vectors()
    found = module(z)
    torch.testing.assert_close(found.vectors, z + module.decode(found.codes))


@pytest.mark.parametrize("residual", [False, True])
def test_quantized_vectors_are_the_joined_codes_times_the_output_projection(residual):
    module, z = quantizer(residual=residual), vectors()
    joined = entries_by_hand(module, codes_by_hand(module, z)).reshape(len(z), -1)
    expected = joined @ module.project_out.weight.T + (z if residual else 0)
    torch.testing.assert_close(module(z).vectors, expected)


def test_a_vector_that_is_projected_onto_a_code_is_quantized_to_it_at_no_loss():
    module = quantizer(width=4, heads=1, codes=3, code_width=4)
    with torch.no_grad():
        z = module.codebook[0] @ torch.linalg.inv(module.project_in[0])
    found = module(z)
    assert found.codes.flatten().tolist() == [0, 1, 2]
    assert found.loss.item() == pytest.approx(0, abs=1e-20)


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(12)))
def test_each_vector_is_quantized_by_itself(order):
    module, z = quantizer(), vectors(rows=12)
    torch.testing.assert_close(module(z[order]).vectors, module(z).vectors[order])


@pytest.mark.parametrize("beta", [0.0, 0.25, 2.0])
def test_loss_is_codebook_plus_weighted_commitment_loss(beta):
    module, z = quantizer(commitment=beta), vectors()
    gap = (projected_by_hand(module, z) - entries_by_hand(module, codes_by_hand(module, z))).square().mean()
    torch.testing.assert_close(module(z).loss, (1 + beta) * gap)


@pytest.mark.parametrize("beta", [0.25, 2.0])
def test_loss_with_moving_averages_is_the_commitment_loss_alone(beta):
    module, z = quantizer(commitment=beta, moving_average=0.9), vectors()
    gap = (projected_by_hand(module, z) - entries_by_hand(module, codes_by_hand(module, z))).square().mean()
    torch.testing.assert_close(module(z).loss, beta * gap)


@pytest.mark.parametrize("width", [5, 7, 8])
def test_a_width_that_heads_do_not_divide_is_refused(width):
    with pytest.raises(ValueError, match=f"width {width} is not a multiple of heads 3"):
        MultiHeadQuantizer(width=width, heads=3, codes=2, code_width=2)


def test_vectors_of_another_width_are_refused():
    with pytest.raises(RuntimeError):
        quantizer()(vectors(width=2 * WIDTH))


# Gradients -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", KINDS)
def test_straight_through_gradient_is_that_of_both_projections_without_codes(options):
    module, z = quantizer(**options), vectors()
    weight = torch.randn_like(z)
    linear = module.project_out(projected_by_hand(module, z).flatten(1))
    if options.get("residual"):
        linear = linear + z
    wanted = [z, module.project_in]
    found = torch.autograd.grad((weight * module(z).vectors).sum(), wanted)
    expected = torch.autograd.grad((weight * linear).sum(), wanted)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_output_projection_learns_from_the_codes_and_not_from_what_they_stand_for():
    module, z = quantizer(), vectors()
    (found,) = torch.autograd.grad(module(z).vectors.sum(), module.project_out.weight)
    joined = entries_by_hand(module, codes_by_hand(module, z)).flatten(1)
    torch.testing.assert_close(found, joined.sum(0).expand_as(found))


def test_a_codebook_learns_by_its_loss_and_never_by_the_vectors():
    module, z = quantizer(), vectors()
    found = module(z)
    (by_vectors,) = torch.autograd.grad(found.vectors.sum(), module.codebook, retain_graph=True)
    assert not by_vectors.any()
    (by_loss,) = torch.autograd.grad(found.loss, module.codebook, retain_graph=True)
    p, expected = projected_by_hand(module, z).detach(), torch.zeros_like(by_loss)
    for n in range(len(z)):
        for h, k in enumerate(found.codes[n]):
            expected[h, k] += 2 * (module.codebook[h, k].detach() - p[n, h]) / p.numel()
    torch.testing.assert_close(by_loss, expected)


@pytest.mark.parametrize("beta", [0.0, 0.25])
def test_vectors_feel_the_commitment_loss_alone(beta):
    module, z = quantizer(commitment=beta), vectors()
    (found,) = torch.autograd.grad(module(z).loss, z)
    gap = projected_by_hand(module, z) - entries_by_hand(module, codes_by_hand(module, z)).detach()
    (expected,) = torch.autograd.grad(beta * gap.square().mean(), z)
    torch.testing.assert_close(found, expected)


def test_moving_average_codebooks_are_no_parameters():
    learnt, averaged = quantizer(), quantizer(moving_average=0.9)
    assert {name for name, _ in learnt.named_parameters()} == {"project_in", "project_out.weight", "codebook"}
    assert {name for name, _ in averaged.named_parameters()} == {"project_in", "project_out.weight"}
    assert {"codebook", "sums", "usage"} <= averaged.state_dict().keys()


# Usage and moving averages -------------------------------------------------------------------------------------------


def counts_by_hand(module, codes):
    counts = torch.zeros(HEADS, CODES, dtype=torch.float64)
    for row in codes.tolist():
        for h, k in enumerate(row):
            counts[h, k] += 1
    return counts


def test_usage_is_the_decayed_count_of_uses():
    module, usage = quantizer(usage_decay=0.7), torch.ones(HEADS, CODES, dtype=torch.float64)
    before = module.codebook.detach().clone()
    for seed in range(4):
        z = vectors(seed, rows=5 + seed)
        usage = 0.7 * usage + 0.3 * counts_by_hand(module, codes_by_hand(module, z))
        module.update(z, module(z).codes)
    torch.testing.assert_close(module.usage, usage)
    assert torch.equal(module.codebook, before)


def test_moving_averages_follow_a_naive_loop():
    module, decay = quantizer(moving_average=0.8), 0.8
    count, total = torch.ones(HEADS, CODES).double(), module.codebook.clone()
    book = total.clone()
    for seed in range(6):
        z = vectors(seed, rows=9)
        p, codes = projected_by_hand(module, z).detach(), codes_by_hand(module, z)
        module.update(z, module(z).codes)
        for h in range(HEADS):
            for k in range(CODES):
                mine = p[codes[:, h] == k, h]
                count[h, k] = decay * count[h, k] + (1 - decay) * len(mine)
                total[h, k] = decay * total[h, k] + (1 - decay) * mine.sum(0)
                book[h, k] = total[h, k] / count[h, k]
        torch.testing.assert_close(module.usage, count)
        torch.testing.assert_close(module.codebook, book)


def test_moving_averages_settle_on_the_mean_of_the_vectors_of_each_code():
    module, z = quantizer(moving_average=0.5), vectors(rows=40)
    for _ in range(200):
        module.update(z, module(z).codes)
    p, codes = projected_by_hand(module, z).detach(), codes_by_hand(module, z)
    for h in range(HEADS):
        for k in codes[:, h].unique():
            torch.testing.assert_close(module.codebook[h, k], p[codes[:, h] == k, h].mean(0))


def test_a_code_that_is_never_used_again_stays_where_it_is():
    module, z = quantizer(moving_average=0.5), vectors(rows=1)
    for _ in range(20):
        module.update(z, module(z).codes)
    assert (module.usage < MIN_USAGE).any()
    unused = module.usage < MIN_USAGE
    before = module.codebook[unused].clone()
    module.update(z, module(z).codes)
    assert torch.equal(module.codebook[unused], before)
    assert module.codebook.isfinite().all()


def test_forward_changes_no_statistics():
    module = quantizer(moving_average=0.5)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module(vectors())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


# Dead codes ----------------------------------------------------------------------------------------------------------


def with_dead_codes(**options):
    module = quantizer(**options)
    dead = torch.zeros(HEADS, CODES, dtype=torch.bool)
    dead[0, 1] = dead[0, 4] = dead[2, 0] = True
    module.usage[dead] = 0.001
    return module, dead


@pytest.mark.parametrize("options", [{}, {"moving_average": 0.9}])
def test_dead_codes_are_drawn_anew_near_projected_vectors_and_living_ones_stay(options):
    (module, dead), z = with_dead_codes(**options), vectors()
    before = module.codebook.detach().clone()
    assert module.revive(z, 0.01, torch.Generator().manual_seed(0)) == 3
    p = projected_by_hand(module, z).detach()
    assert torch.equal(module.codebook[~dead], before[~dead])
    for h, k in dead.nonzero().tolist():
        nearest = (p[:, h] - module.codebook[h, k].detach()).norm(dim=-1).min()
        assert 0 < nearest < 0.05 * p.std() * math.sqrt(CODE_WIDTH)
    assert (module.usage[dead] == 1).all()
    assert module.revive(z, 0.01) == 0


def test_a_revived_moving_average_starts_from_its_new_place():
    (module, dead), z = with_dead_codes(moving_average=0.9), vectors()
    module.revive(z, 0.01, torch.Generator().manual_seed(0))
    assert torch.equal(module.sums[dead], module.codebook[dead])
    far = torch.full((1, WIDTH), 1e3, dtype=torch.float64)
    unused = ~torch.nn.functional.one_hot(module.nearest(module.project(far))[0], CODES).bool()
    book = module.codebook.clone()
    module.update(far, module(far).codes)
    torch.testing.assert_close(module.codebook[dead & unused], book[dead & unused])


def test_an_infinite_threshold_draws_every_code_anew():
    module, z = quantizer(), vectors()
    before = module.codebook.detach().clone()
    assert module.revive(z, math.inf, torch.Generator().manual_seed(0)) == HEADS * CODES
    assert (module.codebook != before).all(-1).all()
    assert len(module.codebook.flatten(0, 1).unique(dim=0)) == HEADS * CODES


def test_codes_drawn_from_one_vector_alone_still_differ():
    module, z = quantizer(width=6, heads=3, codes=4), vectors(rows=1)
    module.revive(z, math.inf, torch.Generator().manual_seed(0))
    for book in module.codebook.detach():
        assert len(book.unique(dim=0)) == 4


def test_revival_draws_by_its_generator_alone():
    books = []
    for seed in (5, 5, 6):
        module, _ = with_dead_codes()
        torch.manual_seed(len(books))
        module.revive(vectors(), 0.01, torch.Generator().manual_seed(seed))
        books.append(module.codebook.detach())
    assert torch.equal(books[0], books[1])
    assert not torch.equal(books[0], books[2])


def test_nothing_is_drawn_while_all_codes_live():
    module, generator = quantizer(), torch.Generator().manual_seed(0)
    state = generator.get_state()
    assert module.revive(vectors(), 0.5, generator) == 0
    assert torch.equal(generator.get_state(), state)


# Usage of a catalogue ------------------------------------------------------------------------------------------------


def test_codebook_usage_by_hand():
    codes = torch.tensor([[0, 1], [0, 1], [1, 2], [2, 2]])
    found = codebook_usage(codes, 4)
    assert found.share == pytest.approx((3 + 2) / 8)
    first = math.exp(-(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25)))
    assert found.perplexity == pytest.approx((first + 2) / 2)
    assert found.collisions == pytest.approx(2 / 4)


def test_items_collide_only_if_all_their_codes_agree():
    assert codebook_usage(torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), 2).collisions == 0
    assert codebook_usage(torch.tensor([[0, 0], [0, 0], [0, 0]]), 2).collisions == 1


@pytest.mark.parametrize("codes", [1, 3, 8])
def test_codes_used_alike_have_the_largest_perplexity(codes):
    found = codebook_usage(torch.arange(codes).repeat(5)[:, None].expand(-1, 2), codes)
    assert found.share == 1
    assert found.perplexity == pytest.approx(codes)


def test_a_single_code_in_use_has_perplexity_1():
    found = codebook_usage(torch.full((6, 2), 3), 4)
    assert found.share == pytest.approx(1 / 4)
    assert found.perplexity == pytest.approx(1)


def test_codes_are_the_nearest_where_everything_lies_close_together_far_from_zero():
    generator = torch.Generator().manual_seed(0)
    module = MultiHeadQuantizer(width=16, heads=2, codes=256, code_width=8)
    with torch.no_grad():
        module.codebook.copy_(5 + 0.01 * torch.randn(module.codebook.shape, generator=generator))
    p = 5 + 0.01 * torch.randn(500, 2, 8, generator=generator)
    exact = torch.cdist(p.transpose(0, 1).double(), module.codebook.double()).argmin(-1).T
    assert (module.nearest(p) != exact).float().mean() < 0.002  # ties within the last bits of a distance


def test_what_is_held_constant_has_no_second_derivative():
    """As autograd has it of the loss that is written out."""
    generator = torch.Generator().manual_seed(0)
    p, c = (torch.randn(6, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))
    beta, gamma = 0.25, 1.0

    def written_out(p, c):
        straight = p + (c - p).detach()
        loss = beta * (p - c.detach()).square().mean() + gamma * (p.detach() - c).square().mean()
        return straight, loss

    def second(quantize):
        straight, loss = quantize(p, c)
        value = loss + straight.pow(3).sum()
        first = torch.autograd.grad(value, (p, c), create_graph=True)
        return torch.autograd.grad(sum(part.square().sum() for part in first), (p, c), allow_unused=True)

    for found, expected in zip(
        second(lambda p, c: _StraightThrough.apply(p, c, beta, gamma)), second(written_out), strict=True
    ):
        torch.testing.assert_close(found, expected)
