"""Items that come after training, by their features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import planted
import polars as pl
import pytest
import torch

import recbole_metarec as rm
from recbole_metarec.inference.recommender import Recommender
from recbole_metarec.runs.result import RunResult

FEATURED = ["ANT", "MetaRec with features"]


def known_items(result: RunResult) -> tuple[Any, pd.DataFrame]:
    """Return a model with its data, and what its files say of its items, in their order."""
    trained = rm.load_with_data(str(result.checkpoint))
    folder = Path(trained.settings["data_path"])
    file = folder / planted.FEATURED_TARGET if folder.name != planted.FEATURED_TARGET else folder
    frame = pd.read_csv(file / f"{planted.FEATURED_TARGET}.item", sep="\t")
    frame.columns = [name.partition(":")[0] for name in frame.columns]
    with np.load(file / f"{planted.FEATURED_TARGET}.image.npz") as vectors:
        images = dict(zip(vectors["item_id"], vectors["vector"].tolist(), strict=True))
    frame["image_vector"] = frame["item_id"].map(images)
    return trained.model, frame.set_index("item_id").loc[trained.train_data._dataset.item_tokens()]


@pytest.mark.parametrize("name", FEATURED)
def test_a_new_item_has_the_vectors_of_features_alone(trained: Callable[[str], list[RunResult]], name: str) -> None:
    """The same as an item with its features that nobody had, whose own embedding counts nothing."""
    (result,) = trained(name)
    model, frame = known_items(result)
    rec = rm.load(str(result.checkpoint))
    n_known = len(rec.item_ids)
    copies = frame.reset_index()
    copies["item_id"] = "new-" + copies["item_id"]
    copies["image"] = "shown.jpg https://pictures.example/1.jpg"
    assert rec.add_items(copies) == n_known
    with torch.no_grad():
        model.item_embedding.weight.zero_()
        model.train(False)
        inputs, outputs = model.encode_catalogue()
    torch.testing.assert_close(rec.scorer.inputs[n_known + 1 :], inputs[1:])
    torch.testing.assert_close(rec.scorer.outputs[n_known + 1 :], outputs[1:])
    assert rec.titles[f"new-{planted.FEATURED_TARGET}-i1"] == rec.titles[f"{planted.FEATURED_TARGET}-i1"]
    assert rec.images == dict.fromkeys(copies["item_id"], "https://pictures.example/1.jpg")
    if name == "ANT":
        untrained = torch.from_numpy(model.item_counts == 0).nonzero().flatten()[1:]
        assert len(untrained)
        torch.testing.assert_close(rec.scorer.outputs[untrained], rec.scorer.outputs[untrained + n_known])


@pytest.mark.parametrize("name", FEATURED)
def test_new_items_are_recommended_counted_and_saved(
    recommender: Callable[[str], Recommender], name: str, tmp_path: Path
) -> None:
    rec = recommender(name)
    known = rec.item_ids[:3]
    before = rec.scores(rec.requests([known]))
    rec.add_items(pl.DataFrame({"item_id": [7, 8], "title": ["word1 term1", "word2 term2"], "price": [None, 3.5]}))
    after = rec.scores(rec.requests([known]))
    if rec.scorer.evidence.memory is None:
        torch.testing.assert_close(after[:, : before.shape[1]], before)
    assert {each.item_id for each in rec.recommend([known], candidates=["7", "8"])[0]} == {"7", "8"}
    assert rec.recommend([["7", *known]], 3)[0]
    assert len(rec.similar(["8"], 2)[0]) == 2
    assert rec.explain(["7"], "8").sentence.startswith("word2 term2")
    assert rec.update(pd.DataFrame({"user_id": [1, 1], "item_id": [known[0], 7], "timestamp": [1.6e9, 1.6e9 + 1]})) == 2
    rec.save(tmp_path / "grown.safetensors")
    again, requests = rm.load(tmp_path / "grown.safetensors"), rec.requests([["8"], known])
    assert torch.equal(again.scores(requests), rec.scores(requests))
    assert again.add_items(pl.DataFrame({"item_id": [9], "title": ["word3"]})) == 1


BAD = {
    "item '7': has no feature; give it one of title": {"item_id": [7], "title": [""]},
    "item '7': price -1 must be 0 or more": {"item_id": [7], "price": [-1]},
    "item '7': image_vector must be 8 finite numbers": {"item_id": [7], "image_vector": [[1.0, 2.0]]},
    "item '7': stands there twice": {"item_id": [7, 7], "title": ["word1", "word2"]},
    f"item '{planted.FEATURED_TARGET}-i1': is known already": {
        "item_id": [f"{planted.FEATURED_TARGET}-i1"],
        "title": ["word1"],
    },
    "column item_id is missing": {"title": ["word1"]},
}


@pytest.mark.parametrize("line", BAD)
def test_mistakes_are_one_line_and_change_nothing(recommender: Callable[[str], Recommender], line: str) -> None:
    rec = recommender("ANT")
    n_items = len(rec.item_ids)
    with pytest.raises(rm.UserError, match=line) as error:
        rec.add_items(pd.DataFrame(BAD[line]))
    assert len(error.value.problems) == 1
    assert len(rec.item_ids) == rec.scorer.n_items == n_items


def test_a_model_without_features_says_why_it_takes_none(recommender: Callable[[str], Recommender]) -> None:
    with pytest.raises(rm.UserError, match="knows items only by who had them; new ones come with training"):
        recommender("Memory").add_items(pd.DataFrame({"item_id": ["7"], "title": ["word1"]}))
