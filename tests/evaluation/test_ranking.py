from __future__ import annotations

import numpy as np
import pytest

from recbole_metarec.evaluation.ranking import metric_of_ranks

RANKS = np.array([1, 2, 5, 0, 11])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("recall@10", [1, 1, 1, 0, 0]),
        ("Hit@1", [1, 0, 0, 0, 0]),
        ("mrr@10", [1, 1 / 2, 1 / 5, 0, 0]),
        ("ndcg@10", [1, 1 / np.log2(3), 1 / np.log2(6), 0, 0]),
        ("ndcg@20", [1, 1 / np.log2(3), 1 / np.log2(6), 0, 1 / np.log2(12)]),
    ],
)
def test_metrics_of_ranks_by_hand(name: str, values: list[float]) -> None:
    np.testing.assert_allclose(metric_of_ranks(name, RANKS), values)


def test_a_metric_that_is_no_function_of_one_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="gauc"):
        metric_of_ranks("gauc@10", RANKS)
