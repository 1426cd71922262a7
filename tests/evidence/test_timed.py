"""Evidence that knows the clock, against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.counts import WINDOWS, ItemCounts
from recbole_metarec.evidence.kinds import CONTEXT, COUNTED, KINDS
from recbole_metarec.evidence.timed import TimedEvidence
from recbole_metarec.settings.evidence import EvidenceSettings

N_ITEMS, N_USERS = 12, 15
SETTINGS = EvidenceSettings(memory_depth=4, memory_reach=3, evidence_half_life=20, evidence_depth=6, evidence_refresh=7)


def random_domain(seed: int, span: int = 60, start: float = 1.4e9) -> Domain:
    """Make users of 1 to 9 interactions at random seconds, several of them on one day."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 10, N_USERS)
    times = [np.sort(start + DAY * rng.integers(0, span, n) + rng.integers(0, DAY, n)) for n in lengths]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items = rng.integers(1, N_ITEMS + 1, lengths.sum()).astype(np.int32)
    return Domain("random", items, offsets, N_ITEMS, np.concatenate(times))


def every_request(domain: Domain) -> Requests:
    """Ask for every interaction that has one before it."""
    first = np.zeros(domain.n_interactions, bool)
    first[domain.offsets[:-1]] = True
    return domain.requests(np.flatnonzero(~first))


def features_of(evidence: TimedEvidence, requests: Requests, **options: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return evidence (N, K, I) and context (N, C) in the order of the requests."""
    features = torch.full((requests.size, len(KINDS), N_ITEMS + 1), torch.nan)
    context = torch.full((requests.size, len(CONTEXT)), torch.nan)
    for asked in evidence.ask(requests, size=4, **options):
        features[asked.rows], context[asked.rows] = asked.features(), asked.context_BC
    assert not features.isnan().any()
    assert not context.isnan().any()
    return features, context


def day(time: float) -> int:
    return int(time // DAY)


def by_hand(domain: Domain, requests: Requests, row: int) -> dict[str, np.ndarray]:
    """Count everything for one request with loops over single interactions."""
    today = day(requests.at[row])
    events = [(item, day(time)) for item, time in zip(domain.items, domain.times, strict=True) if day(time) < today]
    first_day = min(day(time) for time in domain.times)
    counts = np.zeros(N_ITEMS + 1)
    windows = np.zeros((len(WINDOWS), N_ITEMS + 1))
    first, last = np.full(N_ITEMS + 1, first_day), np.full(N_ITEMS + 1, first_day)
    for item, when in sorted(events, key=lambda event: event[1]):
        first[item] = when if counts[item] == 0 else first[item]
        last[item], counts[item] = when, counts[item] + 1
        windows[:, item] += when >= today - np.array(WINDOWS)
    share = np.maximum(counts, 0.5) / max(1, counts.sum())
    near, fading, same, refreshed = (np.zeros((N_ITEMS + 1, N_ITEMS + 1)) for _ in range(4))
    for items, times in zip(
        np.split(domain.items, domain.offsets[1:-1]), np.split(domain.times, domain.offsets[1:-1]), strict=True
    ):
        for j in range(len(items)):
            for i in range(max(0, j - 3), j):
                if day(times[j]) >= today:
                    continue
                weight = 1 / (j - i)
                fade = 2.0 ** ((day(times[j]) - today) / 20)
                latent = weight * fade * (day(times[j]) < today // 7 * 7)
                for table, value in ((near, weight), (fading, weight * fade), (refreshed, latent)):
                    table[items[i], items[j]] += value
                    table[items[j], items[i]] += value / 2
                if day(times[i]) == day(times[j]):
                    same[items[i], items[j]] += 1
                    same[items[j], items[i]] += 1
    history = requests.items[requests.begin[row] : requests.end[row]]
    times = requests.times[requests.begin[row] : requests.end[row]]
    recent = list(zip(history, times, strict=True))[::-1][:4]
    weights = 0.5 ** np.arange(len(recent))
    weights /= weights.sum()

    def mixed(table: np.ndarray, smoothing: float, weights: np.ndarray, items: list[int]) -> np.ndarray:
        known = sum(w * table[i] / (table[i].sum() + smoothing) for w, i in zip(weights, items, strict=True))
        spread = sum(w * smoothing / (table[i].sum() + smoothing) for w, i in zip(weights, items, strict=True))
        return np.log1p(known / (spread * share))

    items, every = [item for item, _ in recent], list(history[::-1][:6])
    transitions = mixed(near, 20, weights, items)
    todays = [item for item, time in recent if day(time) == today]
    together = mixed(same, 5, np.full(len(todays), 1 / max(1, len(todays))), todays) if todays else 0 * share
    of_column = refreshed.sum(0) ** 0.75 / max((refreshed.sum(0) ** 0.75).sum(), 1e-300)
    lift = refreshed / np.maximum(refreshed.sum(1, keepdims=True) * of_column, 1e-300)
    information = np.maximum(0, np.log(np.maximum(lift, 1e-300)) + 1)
    fresh = 0.8 ** np.arange(len(items))
    had = [history == item for item in range(N_ITEMS + 1)]
    ago = [today - day(times[mask][-1]) if mask.any() else 0 for mask in had]
    return {
        "transitions": transitions,
        "transitions that fade": mixed(fading, 20, weights, items) - transitions,
        "transitions of all": mixed(near, 20, np.full(len(every), 1 / len(every)), every),
        "same day": together,
        "latent factors": fresh / fresh.sum() @ information[items],
        **{f"last {days} days": np.log1p(window) for days, window in zip(WINDOWS, windows, strict=True)},
        "popularity": np.log(share),
        "age": np.log1p(np.where(counts > 0, today - first, today - first_day)) / 2,
        "last seen": np.log1p(np.where(counts > 0, today - last, today - first_day)) / 2,
        "repeat": np.array([float(mask.any()) for mask in had]),
        "times had": np.log([max(1, mask.sum()) for mask in had]),
        "last had": np.log1p(ago) / 2,
    }


@pytest.mark.parametrize("seed", range(3))
def test_evidence_is_what_counting_by_hand_finds(seed: int) -> None:
    domain = random_domain(seed)
    requests = every_request(domain)
    features, context = features_of(TimedEvidence.fit(domain, SETTINGS), requests)
    for row in range(0, requests.size, 7):
        wanted = by_hand(domain, requests, row)
        for kind, found_I in zip(KINDS, features[row].numpy(), strict=True):
            np.testing.assert_allclose(found_I[1:], wanted[kind][1:], atol=2e-5, err_msg=kind)
        gap = day(requests.at[row]) - day(requests.times[requests.end[row] - 1])
        length = requests.end[row] - requests.begin[row]
        wanted_context = [1, np.log1p(gap) / 3, gap == 0, np.log(length) / 3]
        np.testing.assert_allclose(context[row, :4], wanted_context, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_of_the_day_itself_or_later_counts(seed: int) -> None:
    domain = random_domain(seed)
    rng = np.random.default_rng(seed)
    requests = every_request(domain)
    cut = float(np.quantile(domain.times, 0.6)) // DAY * DAY
    asked = requests.take(np.flatnonzero(requests.at < cut + DAY))
    later = domain.times >= cut
    items = np.where(later, rng.integers(1, N_ITEMS + 1, domain.n_interactions), domain.items).astype(np.int32)
    other = Domain("other", items, domain.offsets, N_ITEMS, domain.times)
    moved = np.where(later, domain.times + 3 * DAY, domain.times)  # and some day later
    for changed in (other, Domain("moved", domain.items, domain.offsets, N_ITEMS, moved)):
        for before, after in zip(
            features_of(TimedEvidence.fit(domain, SETTINGS), asked),
            features_of(TimedEvidence.fit(changed, SETTINGS), asked),
            strict=True,
        ):
            torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-5)


def test_new_interactions_are_counted_without_fitting_anew() -> None:
    domain = random_domain(5)
    requests = every_request(domain)
    cut = np.quantile(domain.times, 0.5)
    old = domain.times < cut
    evidence = TimedEvidence.fit(domain.of(old), SETTINGS)
    new = np.flatnonzero(~old)
    evidence.update(domain.requests(new), domain.items[new])
    for updated, fitted in zip(
        features_of(evidence, requests), features_of(TimedEvidence.fit(domain, SETTINGS), requests), strict=True
    ):
        torch.testing.assert_close(updated, fitted, atol=1e-5, rtol=1e-5)


def test_frozen_evidence_is_that_of_the_day_on_which_it_ends() -> None:
    domain = random_domain(6)
    end = float(np.quantile(domain.times, 0.5)) // DAY * DAY
    requests = every_request(domain)
    requests = requests.take(np.flatnonzero(requests.at >= end))
    frozen, context = features_of(TimedEvidence.fit(domain, SETTINGS), requests, until=end)
    known = domain.of(domain.times < end)
    counted = [KINDS.index(kind) for kind in COUNTED]
    asked_then = requests._replace(at=np.full(requests.size, end))
    then, _ = features_of(TimedEvidence.fit(known, SETTINGS), asked_then)
    torch.testing.assert_close(frozen[:, counted], then[:, counted])
    late = (requests.at // DAY - end // DAY) > 0
    assert (context[late, CONTEXT.index("out of date")] > 0).all()


@pytest.mark.parametrize("days", [[5, 9, 400, 7, 2, 401], [30, 20, 10, 0]])
def test_counts_do_not_hang_on_the_order_in_which_days_are_asked(days: list[int]) -> None:
    rng = np.random.default_rng(0)
    items, when = rng.integers(1, N_ITEMS + 1, 300), rng.integers(0, 400, 300).astype(np.int32)
    counts = ItemCounts(items.astype(np.int32), when, N_ITEMS)
    for asked in days:
        morning, before = counts.morning(asked), when < asked
        assert (morning.counts == np.bincount(items[before], minlength=N_ITEMS + 1)).all()
        for window, n_days in zip(morning.windows, WINDOWS, strict=True):
            within = before & (when >= asked - n_days)
            assert (window == np.bincount(items[within], minlength=N_ITEMS + 1)).all()
        for item in np.unique(items[before]):
            own = when[before & (items == item)]
            assert (morning.first[item], morning.last[item]) == (own.min(), own.max())


def test_scores_are_evidence_weighed_by_context() -> None:
    domain = random_domain(7)
    weights_KC = torch.randn(len(KINDS), len(CONTEXT), generator=torch.Generator().manual_seed(0))
    for asked in TimedEvidence.fit(domain, SETTINGS).ask(every_request(domain), size=5):
        wanted_BI = torch.einsum("bki,kc,bc->bi", asked.features(), weights_KC, asked.context_BC)
        found_BI = asked.add_scores(torch.ones_like(wanted_BI), weights_KC) - 1
        torch.testing.assert_close(found_BI, wanted_BI, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("start", [-3.0e9, 0.0, 1.4e9, 9.9e9])
def test_evidence_is_finite_at_any_time(start: float) -> None:
    domain = random_domain(8, span=4000, start=start)
    features, context = features_of(
        TimedEvidence.fit(domain, EvidenceSettings(evidence_half_life=1)), every_request(domain)
    )
    assert features[:, :, 1:].isfinite().all()
    assert context.isfinite().all()


def test_a_request_before_the_first_interaction_has_no_evidence() -> None:
    domain = random_domain(9)
    requests = every_request(domain)
    early = requests._replace(at=np.full(requests.size, float(domain.times.min()) - DAY))
    features, _ = features_of(TimedEvidence.fit(domain, SETTINGS), early)
    assert (features[:, 0] == 0).all()
    assert (features[:, KINDS.index("popularity")] == features[0, KINDS.index("popularity"), 0]).all()
