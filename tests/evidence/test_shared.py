"""Interactions of other domains with a target's items, as evidence."""

from __future__ import annotations

import made
import numpy as np
import pytest
import torch
from torch import Tensor

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain, from_sequences
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.evidence.shared import with_items_of
from recbole_metarec.evidence.timed import TimedEvidence

TARGET, SOURCE = made.make_domain(n_users=30), made.make_domain(n_users=40, seed=1)


def scores_of(evidence: TimedEvidence, requests: Requests) -> Tensor:
    """Return all evidence of all requests in a row."""
    asked = list(evidence.ask(requests, size=5))
    found = torch.cat([torch.cat([each.features().flatten(1), each.context_BC], 1) for each in asked])
    return found[np.argsort(np.concatenate([each.rows for each in asked]))]


def joined(*domains: Domain) -> Domain:
    """Put the sequences of domains with the same items one behind the other."""
    items, times = (np.concatenate([getattr(each, part) for each in domains]) for part in ("items", "times"))
    lengths = np.concatenate([each.lengths for each in domains])
    return Domain("joined", items, np.append(0, np.cumsum(lengths)), domains[0].n_items, times)


def test_sequences_keep_the_targets_items_under_its_numbers() -> None:
    names = ["tea", "pan", "cup", "jar"]
    source = from_sequences("ca", [[1, 2, 3, 2], [4], [3, 4]], 4)
    found = with_items_of(source, names, ["cup", "pot", "pan"])
    assert [[*map(int, sequence)] for sequence in found] == [[3, 1, 3], [], [1]]
    assert (found.name, found.n_items) == ("ca", 3)


def test_further_interactions_count_as_the_targets_own() -> None:
    requests = TARGET.requests(np.arange(TARGET.n_interactions))
    wanted = scores_of(TimedEvidence.fit(joined(TARGET, SOURCE), made.SETTINGS), requests)
    torch.testing.assert_close(scores_of(TimedEvidence.fit(TARGET, made.SETTINGS, [SOURCE]), requests), wanted)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_nothing_of_the_day_of_a_request_or_behind_it_is_counted(share: float) -> None:
    assert SOURCE.times is not None
    assert TARGET.times is not None
    end = float(np.quantile(TARGET.times, share, method="nearest")) // DAY * DAY
    before = SOURCE.of(SOURCE.times < end)
    assert 0 < before.n_interactions < SOURCE.n_interactions
    requests = TARGET.requests(np.flatnonzero((TARGET.times >= end) & (TARGET.times < end + DAY)))
    settings = made.SETTINGS.model_copy(update={"evidence_half_life": 1e9})  # the last day is their unit
    few, all_of_it = (scores_of(TimedEvidence.fit(TARGET, settings, [each]), requests) for each in (before, SOURCE))
    torch.testing.assert_close(few, all_of_it)
    apart = scores_of(TimedEvidence.fit(TARGET, settings), requests)
    assert not torch.allclose(few, apart)


def test_without_a_clock_nothing_is_counted_from_others() -> None:
    still = Domain("still", TARGET.items, TARGET.offsets, TARGET.n_items)
    evidence, apart = (Evidence.fit(still, made.SETTINGS, True, None, also) for also in ([SOURCE], []))
    assert evidence.timed is None
    assert evidence.memory is not None
    assert apart.memory is not None
    item_seq, lengths = torch.tensor([[3, 5]]), torch.tensor([2])
    torch.testing.assert_close(evidence.memory(item_seq, lengths), apart.memory(item_seq, lengths))
