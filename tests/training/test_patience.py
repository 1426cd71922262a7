"""Patience is RecBole's early stopping."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from recbole.utils import early_stopping

from recbole_metarec.training.patience import Patience

SCORES = st.lists(st.integers(0, 5).map(lambda fifths: fifths / 5), min_size=1, max_size=12)


@given(SCORES, st.integers(0, 3), st.booleans())
def test_it_stops_where_recbole_does(scores: list[float], most: int, bigger: bool) -> None:
    patience = Patience(most, bigger)
    best, step = float("-inf") if bigger else float("inf"), 0
    for score in scores:
        best, step, stop, update = early_stopping(score, best, step, most, bigger)
        assert patience.look(score) == update
        assert (patience.best, patience.misses, patience.is_over) == (best, step, stop)
        if stop:
            break


@given(SCORES, SCORES)
def test_misses_that_do_not_count_leave_no_trace(free: list[float], counted: list[float]) -> None:
    patience, reference = Patience(2), Patience(2, best=max(free))
    for score in free:
        patience.look(score, counts=False)
        assert not patience.is_over
    assert patience == reference
    for score in counted:
        assert patience.look(score) == reference.look(score)
    assert patience == reference
