"""A request that was taken apart has the model's scores, and answers from an index are the model's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import FIRST_DAY, make_domain, make_encoder, make_evidence, make_recommender

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.requests import Requests

pytest.importorskip("usearch")

DOMAIN = make_domain(n_items=300, n_users=200)
TODAY = FIRST_DAY + 55


def histories(rng: np.random.Generator) -> Requests:
    lengths = np.array([0, 1, 2, 5, 9, 14])
    end = np.cumsum(lengths)
    items = rng.integers(1, DOMAIN.n_items + 1, lengths.sum())
    days = np.concatenate([np.sort(TODAY - rng.integers(0, 12, length)) for length in lengths])
    times = np.append(days, 0) * float(DAY)
    return Requests(np.append(items, 0), times, end - lengths, end, np.full(len(lengths), TODAY * float(DAY)))


@pytest.mark.parametrize("kind", ["timed", "memory", "none"])
def test_answers_are_the_models(kind: str) -> None:
    from recbole_metarec.export.index import DaysQuestions, NeighbourIndex, answer

    rec: Any = make_recommender(DOMAIN, make_evidence(DOMAIN, kind), make_encoder("gru", max_length=6))
    requests = histories(np.random.default_rng(0))
    questions = DaysQuestions(rec.scorer, TODAY)
    index = NeighbourIndex(questions.vectors)
    expected = rec.scores(requests).numpy()
    top = rec.top(requests, 10)
    for row, asked in enumerate(questions.ask(requests)):
        found = questions.vectors @ asked.query
        found[asked.items] += asked.scores
        difference = (found - expected[row])[1:]  # scores compare within one answer
        np.testing.assert_allclose(difference, difference.mean(), atol=1e-3)
        seen = requests.items[requests.begin[row] : requests.end[row]]
        best = answer(index, questions.vectors, asked, 10, 200, seen)
        assert len(best) == 10
        np.testing.assert_allclose(expected[row][best], top.scores[row], atol=1e-4)
