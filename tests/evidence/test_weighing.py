"""Weights of evidence: what is planted is found, taught by other domains, and never learnt from what comes later."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fashions import early, fashions

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain
from recbole_metarec.evidence.evidence import Evidence, knows_clock
from recbole_metarec.evidence.kinds import CONTEXT, KINDS
from recbole_metarec.evidence.learning import HeldOut, learn_weighing
from recbole_metarec.evidence.sources import density, learn_on_sources, thinned
from recbole_metarec.evidence.timed import TimedEvidence
from recbole_metarec.evidence.weighing import (
    LearningRows,
    cross_entropy,
    draw_rows,
    later_places,
    learn_weights,
    memory_weights,
    ridge_of,
    rows_of,
    scaled_cross_entropy,
    smooth_ndcg,
)
from recbole_metarec.evidence.weights import EvidenceWeights, Weighing
from recbole_metarec.settings.evidence import EvidenceSettings

SETTINGS = EvidenceSettings(evidence_rows=600)


def ndcg(evidence: TimedEvidence, domain: Domain, weights_KC: torch.Tensor, n: int = 300) -> float:
    """Measure NDCG@10 on the domain's latest interactions, among all known items."""
    places = np.argsort(domain.times, kind="stable")[-n:]
    places = places[~np.isin(places, domain.offsets[:-1])]
    targets, found = torch.from_numpy(domain.items[places].astype(np.int64)), []
    for asked in evidence.ask(domain.requests(places)):
        scores_BI = asked.add_scores(torch.zeros_like(asked.latent_BI), weights_KC).masked_fill(
            ~asked.known_I, -torch.inf
        )
        own_B1 = scores_BI.gather(1, targets[asked.rows][:, None])
        rank_B = (scores_BI > own_B1).sum(1)
        found.append(torch.where((rank_B < 10) & ~own_B1[:, 0].isneginf(), 1 / torch.log2(2 + rank_B), 0))
    return float(torch.cat(found).mean())


def test_weights_find_what_is_planted() -> None:
    domain = fashions(0)
    evidence, train = TimedEvidence.fit(domain, SETTINGS), early(domain)
    rows = rows_of(evidence, train, 600, masks_history=False, frozen=False, seed=0)
    weights_KC = learn_weights([(rows, 1.0)], memory_weights())
    assert ndcg(evidence, domain, weights_KC) > 1.5 * ndcg(evidence, domain, memory_weights())


def test_sources_teach_a_target_that_learns_nothing() -> None:
    target = fashions(1, "target")
    train, evidence = early(target), Evidence.fit(early(target), SETTINGS, alone=True, counted=target)
    settings = SETTINGS.model_copy(update={"evidence_weights": "sources"})
    sources = [fashions(2, "a", n_items=90), fashions(3, "b", n_users=400)]
    learnt = learn_weighing(evidence, train, sources, settings, False, None, seed=0)
    assert evidence.timed is not None
    assert learnt.n_rows == 0
    assert learnt.sources is not None
    assert set(learnt.sources.pulls) == {"a", "b"}
    assert sum(learnt.sources.pulls.values()) == pytest.approx(1)
    own = learn_weighing(evidence, train, (), SETTINGS, False, None, seed=0)
    memory, taught, alone = (
        ndcg(evidence.timed, target, weights) for weights in (memory_weights(), learnt.weights, own.weights)
    )
    assert taught > memory
    assert taught - memory > 0.9 * (alone - memory)


def test_a_source_of_the_target_s_kind_pulls_more() -> None:
    target = fashions(4, "target", faithful=0.7)
    rows = rows_of(TimedEvidence.fit(target, SETTINGS), target, 600, masks_history=False, frozen=False, seed=0)
    sources = [fashions(5, "alike", faithful=0.7), fashions(6, "unlike")]
    taught = learn_on_sources(target, rows, sources, SETTINGS, masks_history=False, seed=0)
    assert taught is not None
    assert taught.pulls["alike"] > taught.pulls["unlike"]


def test_the_scale_of_weights_does_not_count_in_how_they_suit_rows() -> None:
    domain = fashions(4)
    rows = rows_of(TimedEvidence.fit(domain, SETTINGS), domain, 300, masks_history=False, frozen=False, seed=0)
    weights_KC = learn_weights([(rows, 1.0)], memory_weights())
    loss = scaled_cross_entropy(rows, weights_KC)
    assert loss <= float(cross_entropy(rows, weights_KC).mean()) + 1e-3
    for scale in (0.2, 5.0):
        assert scaled_cross_entropy(rows, scale * weights_KC) == pytest.approx(loss, abs=1e-3)
    assert loss < scaled_cross_entropy(rows, memory_weights())


def test_few_rows_say_less_where_others_taught() -> None:
    assert ridge_of(50, taught=True) > ridge_of(50) > ridge_of(5000, taught=True) == ridge_of(5000)


def test_sources_without_a_clock_or_a_past_teach_nothing() -> None:
    target, source = fashions(1), fashions(2)
    timeless = Domain("timeless", source.items, source.offsets, source.n_items)
    later = Domain("later", source.items, source.offsets, source.n_items, source.times + 4000 * DAY)
    assert learn_on_sources(target, None, [timeless, later], SETTINGS, False, 0) is None


def held_out_by_who_knows(domain: Domain, train: Domain) -> HeldOut:
    """Hold out what is later than a training part, scored by a model that knows what comes."""
    places = np.flatnonzero(domain.times >= train.times.max())
    places = places[~np.isin(places, domain.offsets[:-1])]
    targets = domain.items[places].astype(np.int64)

    def knows(index: np.ndarray) -> torch.Tensor:
        return 4.0 * torch.nn.functional.one_hot(torch.from_numpy(targets[index]), domain.n_items + 1)

    return HeldOut(domain.requests(places), targets, knows)


def test_a_model_s_score_is_one_more_kind() -> None:
    domain = fashions(7, faithful=0.3)
    train = early(domain)
    evidence = Evidence.fit(train, SETTINGS, counted=domain)
    known = held_out_by_who_knows(domain, train)

    def guesses(index: np.ndarray) -> torch.Tensor:
        return torch.randn(len(index), domain.n_items + 1, generator=torch.Generator().manual_seed(0))

    def trust(held_out: HeldOut) -> float:
        weights_KC = learn_weighing(evidence, train, (), SETTINGS, False, held_out, seed=0).weights
        assert weights_KC.shape == (len(KINDS) + 1, len(CONTEXT))
        return float(weights_KC[-1, 0])

    assert trust(known) > 0.5
    assert abs(trust(known._replace(scores=guesses))) < 0.3


def test_weights_stay_where_they_are_without_rows() -> None:
    prior_KC = torch.randn(len(KINDS), len(CONTEXT))
    nothing = LearningRows(
        torch.zeros(0, len(KINDS), 1), torch.zeros(0, len(CONTEXT)), torch.zeros(0).long(), torch.zeros(0, 1)
    )
    assert torch.equal(learn_weights([(nothing, 1.0)], prior_KC), prior_KC)
    domain = fashions(0, n_users=40)
    rows = rows_of(TimedEvidence.fit(domain, SETTINGS), domain, 100, masks_history=False, frozen=False, seed=0)
    held_KC = learn_weights([(rows, 1.0)], memory_weights(), ridge=1e7)
    torch.testing.assert_close(held_KC, memory_weights(), atol=1e-3, rtol=0)


def test_losses_are_those_of_all_items_where_all_are_candidates() -> None:
    domain = fashions(0, n_users=60)
    evidence = TimedEvidence.fit(domain, SETTINGS)
    places = later_places(domain, 80, seed=1)
    requests, targets = domain.requests(places), domain.items[places]
    rows = draw_rows(evidence, requests, targets, masks_history=True, seed=0)
    generator = torch.Generator().manual_seed(0)
    weights_KC = 0.3 * torch.randn(len(KINDS), len(CONTEXT), generator=generator)
    losses, gains = [], []
    for asked in evidence.ask(requests):
        scores_BI = asked.add_scores(torch.zeros_like(asked.latent_BI), weights_KC).masked_fill(
            ~asked.known_I, -torch.inf
        )
        scores_BI[asked.history] = -torch.inf
        wanted = torch.from_numpy(targets[asked.rows].astype(np.int64))
        kept = ~scores_BI.gather(1, wanted[:, None])[:, 0].isneginf()
        losses.append(torch.nn.functional.cross_entropy(scores_BI[kept], wanted[kept], reduction="none"))
        ahead_BI = torch.sigmoid((scores_BI[kept] - scores_BI[kept].gather(1, wanted[kept, None])) / 0.3)
        gains.append(1 / torch.log2(1.5 + ahead_BI.sum(1)))
    torch.testing.assert_close(cross_entropy(rows, weights_KC), torch.cat(losses), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(smooth_ndcg(rows, weights_KC), torch.cat(gains), atol=1e-4, rtol=1e-4)


def test_rows_have_no_target_that_is_no_candidate() -> None:
    domain = fashions(3, faithful=0.9, n_users=100)
    evidence, places = TimedEvidence.fit(domain, SETTINGS), later_places(domain, 300, seed=0)
    requests, targets = domain.requests(places), domain.items[places]
    masked = draw_rows(evidence, requests, targets, masks_history=True, seed=0)
    free = draw_rows(evidence, requests, targets, masks_history=False, seed=0)
    assert 0 < masked.size < free.size <= len(places)
    for rows in (masked, free):
        repeats_N = rows.features[torch.arange(rows.size), KINDS.index("repeat"), rows.target]
        assert bool(repeats_N.any()) == (rows is free)
        assert (rows.stands_for[torch.arange(rows.size), rows.target] == 1).all()


def test_places_to_learn_from_are_late_and_no_user_s_first() -> None:
    domain = fashions(0)
    places = later_places(domain, 100, seed=0)
    assert len(places) == 100
    assert not np.isin(places, domain.offsets[:-1]).any()
    assert domain.times[places].min() >= np.quantile(domain.times, 0.4) - DAY
    assert np.array_equal(places, later_places(domain, 100, seed=0))


def test_a_domain_is_thinned_to_the_density_that_is_wanted() -> None:
    domain = fashions(0, n_users=600)
    few = thinned(domain, density(domain) / 4, seed=0)
    assert density(few) == pytest.approx(density(domain) / 4, rel=0.15)
    assert thinned(domain, 1e9, seed=0) is domain


def test_without_a_clock_or_with_a_memory_of_some_weight_nothing_knows_the_clock() -> None:
    domain = fashions(0, n_users=30)
    timeless = Domain("timeless", domain.items, domain.offsets, domain.n_items)
    assert knows_clock(domain, SETTINGS)
    assert not knows_clock(timeless, SETTINGS)
    assert not knows_clock(timeless, EvidenceSettings(timed_evidence=True))
    assert not knows_clock(domain, EvidenceSettings(memory_weight=2.0))
    assert knows_clock(domain, EvidenceSettings(memory_weight=2.0, timed_evidence=True))
    assert not knows_clock(domain, EvidenceSettings(timed_evidence=False))
    assert Evidence.fit(timeless, SETTINGS).memory is not None


def test_places_to_learn_from_lie_on_no_more_days_than_are_needed() -> None:
    n_users, n_days = 400, 500
    rng = np.random.default_rng(0)
    times = np.sort(rng.integers(0, n_days, (n_users, 6)), axis=1).ravel() * DAY + 1.4e9
    offsets = np.arange(0, 6 * n_users + 1, 6)
    domain = Domain("steady", rng.integers(1, 20, 6 * n_users).astype(np.int32), offsets, 20, times)
    for n_rows, least, most in ((50, 20, 40), (400, 60, 140), (10**6, 270, 310)):
        n_found = len(np.unique(domain.times[later_places(domain, n_rows, seed=0)] // DAY))
        assert least <= n_found <= most
    assert len(later_places(domain, 10**6, seed=0)) > 1000  # all of them


@pytest.mark.parametrize("n_kinds", [len(KINDS), len(KINDS) + 1])
def test_weights_are_kept_by_the_names_of_their_kinds(n_kinds: int) -> None:
    weights_KC = torch.randn(n_kinds, len(CONTEXT), generator=torch.Generator().manual_seed(0))
    plain = EvidenceWeights(1.0, 0.0, Weighing(weights_KC)).plain()
    read = EvidenceWeights.of(plain)
    assert read.timed is not None
    torch.testing.assert_close(read.timed.weights, weights_KC)
    del plain["timed"]["latent factors"]
    lacking = weights_KC.clone()
    lacking[KINDS.index("latent factors")] = 0
    for former in (plain, {**plain, "timed": list(plain["timed"].values())}):  # a list, while kinds had no names
        read = EvidenceWeights.of(former)
        assert read.timed is not None
        torch.testing.assert_close(read.timed.weights, lacking)
