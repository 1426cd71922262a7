"""What is recommended for the histories of the test split is what evaluation ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import timed

import recbole_metarec as rm

COMMON = ("dataset", "source_datasets", "gpu_id", "show_progress", "state", "seed")
SMALL = {
    "MetaRec": {"hidden_size": 16, "inner_size": 16, "n_layers": 1, "epochs": 2, "warmup_epochs": 1, "meta_epochs": 1},
    "ANT": {"hidden_size": 8, "n_layers": 1, "inner_size": 8, "epochs": 2, "n_experts": 2, "text_size": 8},
}
SPLITS: dict[str, Any] = {"leave one out": {"LS": "valid_and_test"}, "time": {"time": [0.7, 0.85]}}
CLOCK = {"memory_weight": "auto", "dataset": "target", "source_datasets": ["source"], "evidence_rows": 200}
RUNS = {
    "MetaRec without clock": {},
    "MetaRec, masked": {"mask_history": True, "backbone": "gru", "repeat_items": True},
    "MetaRec with clock": {**CLOCK, "known_items": True},
    "MetaRec with clock, by time": {**CLOCK, "known_items": True, "mask_history": True, "split": "time"},
    "Evidence by time, frozen": {**CLOCK, "model": "Evidence", "split": "time", "evidence_frozen": True},
    "Evidence": {**CLOCK, "model": "Evidence", "MAX_ITEM_LIST_LENGTH": 4},
    "Memory": {"model": "Memory", "MAX_ITEM_LIST_LENGTH": 5},
    "ANT": {"model": "ANT", "dataset": planted.FEATURED_TARGET, "source_datasets": []},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("domains")
    for seed, name in enumerate(("target", "source")):
        timed.write(folder, timed.draw_lines(seed, n_users=80), name=name)
    planted.write_suite(folder, target_users=24, source_users=30)
    planted.write_featured_suite(folder, target_users=40, source_users=20)
    return folder


def train(root: Path, changes: dict[str, Any]) -> list[Any]:
    model, planted_settings = changes.get("model", "MetaRec"), planted.settings(root)
    settings = {"model": model, "data_path": str(root), "checkpoint_dir": str(root / "saved")}
    settings |= {key: planted_settings[key] for key in COMMON} | SMALL.get(model, {})
    settings |= {key: value for key, value in changes.items() if key != "split"}
    if model == "ANT":
        settings |= {"feature_cache": str(root / "features"), "max_bad_features": 0.2}
    split = SPLITS[changes.get("split", "leave one out")]
    return rm.run({**settings, "eval_args": {"split": split, "order": "TO", "mode": "full"}})


def answers(rec: rm.Recommender, test: Any, exclude_seen: bool) -> list[list[tuple[str, float]]]:
    """Recommend all there is for the histories of the test split."""
    requests, names, k = test.requests(test.inter_feat), np.array(test.item_tokens()), rec.scorer.n_items
    if requests.times is None:
        places = zip(requests.begin, requests.end, strict=True)
        lists = [[*names[requests.items[begin:end] - 1]] for begin, end in places]
        return [[each[:2] for each in answer] for answer in rec.recommend(lists, k, exclude_seen=exclude_seen)]
    top = rec.top(requests, k, exclude_seen=exclude_seen)  # histories have times of their own, which lists cannot say
    rows = zip(top.items, top.scores, strict=True)
    return [[*zip(names[items[items > 0] - 1], scores[items > 0], strict=True)] for items, scores in rows]


def rank_of(answer: list[tuple[str, float]], target: str) -> int:
    """Rank a target as evaluation does, which lets half of those with its score stand before it."""
    own = dict(answer).get(target)
    if own is None:
        return 0
    rank = 1 + sum(score > own for _, score in answer) + (sum(score == own for _, score in answer) - 1) // 2
    return rank if rank <= 10 else 0


@pytest.mark.parametrize("name", RUNS)
def test_recommendations_rank_as_evaluation_does(root: Path, name: str) -> None:
    for result in train(root, RUNS[name]):
        assert result.checkpoint is not None
        test = rm.load_with_data(result.checkpoint).test_data._dataset
        found = answers(rm.load(result.checkpoint), test, result.mask_history)
        targets = [test.item_tokens()[item - 1] for item in test.inter_feat[test.iid_field]]
        ranks = [rank_of(answer, target) for answer, target in zip(found, targets, strict=True)]
        assert ranks == result.ranks.tolist(), result.label
        gain = np.array([1 / np.log2(1 + rank) if rank else 0.0 for rank in ranks])
        assert gain.mean() == pytest.approx(result.test["ndcg@10"], abs=1e-5)
