"""What evidence is worth: what is planted is worth most, what says nothing is worth nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from fashions import early, fashions
from test_weighing import SETTINGS, held_out_by_who_knows

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.evidence.kinds import CONTEXT, KINDS
from recbole_metarec.evidence.learning import learn_weighing
from recbole_metarec.evidence.situations import DAYS_SINCE, LENGTHS, occurs, situations, trust
from recbole_metarec.evidence.timed import TimedEvidence
from recbole_metarec.evidence.weighing import LearningRows, memory_weights, rows_of
from recbole_metarec.evidence.weights import MODEL
from recbole_metarec.evidence.worth import GROUPS, gains, measure_worth


def rows(seed: int, faithful: float = 0.0, n_rows: int = 600, masks_history: bool = False) -> LearningRows:
    domain = fashions(seed, faithful=faithful)
    return rows_of(TimedEvidence.fit(domain, SETTINGS), domain, n_rows, masks_history, False, seed=0)


def test_groups_hold_every_kind_once() -> None:
    assert sorted(kind for group in GROUPS.values() for kind in group) == sorted([*KINDS, MODEL])


def crowds(seed: int, n_users: int = 700, n_items: int = 40) -> Domain:
    """Make users of whom most follow this week's fashion, among others who take anything: all items are seen daily."""
    rng = np.random.default_rng(seed)
    fashion = rng.integers(1, n_items + 1, (10, 2))
    lengths = rng.integers(3, 8, n_users)
    days = np.concatenate([np.sort(rng.integers(0, 70, length)) for length in lengths])
    followed = fashion[days // 7, rng.integers(0, 2, len(days))]
    items = np.where(rng.random(len(days)) < 0.6, followed, rng.integers(1, n_items + 1, len(days)))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Domain("crowds", items.astype(np.int32), offsets, n_items, 1.4e9 + DAY * days.astype(float))


def test_counts_of_the_last_days_are_worth_most_to_who_follows_fashion() -> None:
    domain = crowds(0)
    drawn = rows_of(TimedEvidence.fit(domain, SETTINGS), domain, 1000, False, False, seed=0)
    worth = measure_worth(drawn, memory_weights())
    assert worth is not None
    lost = worth.losses["counts of the last days"]
    assert lost > 2 * max(loss for group, loss in worth.losses.items() if group != "counts of the last days")
    assert lost > 2 * worth.errors["counts of the last days"] > 0
    assert worth.ndcg > worth.memory


def test_what_other_evidence_tells_as_well_is_worth_little() -> None:
    worth = measure_worth(rows(0), memory_weights())  # here the day on which an item was last had tells of fashion, too
    assert worth is not None
    assert worth.ndcg > 1.5 * worth.memory
    assert abs(worth.losses["counts of the last days"]) < 0.1


def test_repeats_are_worth_most_to_the_faithful_and_nothing_where_they_are_no_candidates() -> None:
    worth = measure_worth(rows(2, faithful=0.7), memory_weights())
    assert worth is not None
    assert max(worth.losses, key=worth.losses.__getitem__) == "repeats"
    masked = measure_worth(rows(2, faithful=0.7, masks_history=True), memory_weights())
    assert masked is not None
    assert "repeats" not in masked.losses


def test_few_rows_say_nothing_and_only_later_ones_are_measured_on() -> None:
    every = rows(0)
    assert measure_worth(every.first(99), memory_weights()) is None
    worth = measure_worth(every, memory_weights())
    assert worth is not None
    assert worth.n_rows == every.size - int(0.7 * every.size)
    later = LearningRows(*(part[int(0.7 * every.size) :] for part in every))
    assert worth.memory == pytest.approx(float(gains(later, memory_weights()).mean()))


def test_ranks_count_what_candidates_stand_for() -> None:
    generator = torch.Generator().manual_seed(0)
    n_rows, n_kinds, n_candidates, n_context = 200, 4, 12, 3
    some = LearningRows(
        torch.randint(0, 3, (n_rows, n_kinds, n_candidates), generator=generator).float(),
        torch.randint(0, 2, (n_rows, n_context), generator=generator).float(),
        torch.zeros(n_rows).long(),
        torch.randint(0, 3, (n_rows, n_candidates), generator=generator).float(),
    )
    some.stands_for[:, 0] = 1
    weights_KC = torch.randint(-2, 3, (n_kinds, n_context), generator=generator).float()
    for row, gain in enumerate(gains(some, weights_KC).tolist()):
        scores = some.context[row] @ weights_KC.T @ some.features[row]
        items = np.repeat(scores.numpy(), some.stands_for[row].long().numpy())  # an item each
        rank = 1 + int((items > float(scores[0])).sum()) + (int((items == float(scores[0])).sum()) - 1) // 2
        assert gain == pytest.approx(1 / math.log2(1 + rank) if rank <= 10 else 0)


def test_a_model_that_knows_is_worth_most() -> None:
    domain = fashions(7, faithful=0.3)
    train = early(domain, 0.5)
    evidence = Evidence.fit(train, SETTINGS, counted=domain)
    held_out = held_out_by_who_knows(domain, train)
    learnt = learn_weighing(evidence, train, (), SETTINGS, False, held_out, seed=0)
    assert learnt.worth is not None
    assert max(learnt.worth.losses, key=learnt.worth.losses.__getitem__) == MODEL
    plain = learnt.plain()
    assert plain["kinds"] == [*KINDS, MODEL]
    assert len(plain["weights"]) == len(plain["kinds"])


def test_worth_is_measured_where_weights_are_learnt_and_as_asked() -> None:
    target = fashions(0, n_users=100)
    train = early(target)
    evidence = Evidence.fit(train, SETTINGS, alone=True, counted=target)
    for changes, measured in (
        ({}, True),
        ({"evidence_worth": False}, False),
        ({"evidence_weights": "sources"}, False),
        ({"evidence_weights": "memory"}, False),
    ):
        settings = SETTINGS.model_copy(update=changes)
        learnt = learn_weighing(evidence, train, [fashions(2, "a", n_users=60)], settings, False, None, seed=0)
        assert (learnt.worth is not None) == measured
        assert list(learnt.situations) == [*DAYS_SINCE, *LENGTHS]
        assert set(learnt.plain()["sources"]) == ({"a"} if changes.get("evidence_weights") != "memory" else set())


def test_situations_differ_from_the_usual_in_what_they_name() -> None:
    context_NC = torch.rand(50, len(CONTEXT))
    usual = dict(zip(CONTEXT, context_NC.mean(0).tolist(), strict=True))
    found = {name: dict(zip(CONTEXT, values, strict=True)) for name, values in situations(context_NC).items()}
    assert found["after a month"] == {**usual, "gap": math.log(31) / 3, "same day": 0}
    assert found["same day"] == {**usual, "gap": 0, "same day": 1}
    assert found["after 20 items"] == {**usual, "long history": math.log(20) / 3}
    assert situations(context_NC[:0]) == {}
    weights_KC = torch.randn(len(KINDS), len(CONTEXT))
    counted = trust(weights_KC.tolist(), list(found["same day"].values()))
    expected = weights_KC @ torch.tensor(list(found["same day"].values()))
    torch.testing.assert_close(torch.tensor(counted), expected)
    assert [name for name in found if not occurs("same day", name)] == ["after a week", "after a month", "after a year"]
