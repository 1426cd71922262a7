"""A suite's features: aligned with items, in the spaces that the adaptation needs, computed once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest

from recbole_metarec.errors import UserError
from recbole_metarec.features import image as encoding
from recbole_metarec.features.features import Categories, Vectors
from recbole_metarec.features.item_files import ItemFiles
from recbole_metarec.features.modalities import Sharing, text
from recbole_metarec.features.modalities.price import N_BUCKETS, price_buckets
from recbole_metarec.features.suite import SuiteFeatures, prepare_suite
from recbole_metarec.features.text import TextSpace
from recbole_metarec.settings.features import FeatureSettings

TOKENS = [f"{planted.FEATURED_TARGET}-i{i}" for i in range(20)]
SOURCE, TOKENS_OF_SOURCE = "featured-a", [f"featured-a-i{i}" for i in range(20)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("featured")
    planted.write_featured_suite(folder, target_users=5, source_users=5)
    return folder


def build(root: Path, seen: Any = None, space: TextSpace | None = None, **changes: Any) -> SuiteFeatures:
    settings = planted.featured_settings(root, max_bad_features=1, feature_cache=str(root / "cache"), **changes)
    domains = [planted.FEATURED_TARGET, *settings["source_datasets"]]  # type: ignore[misc]
    trained = TOKENS if seen is None else [token for token, there in zip(TOKENS, seen, strict=True) if there]
    sharing = Sharing(settings.get("adapt") == "finetune", space)
    return prepare_suite(FeatureSettings.of(settings), ItemFiles(root), domains, TOKENS, trained, sharing)


def test_rows_are_items_and_row_0_is_padding(root: Path) -> None:
    target = build(root).target
    assert set(target.values) == {"text", "image", "price"}
    lines = [
        line.split("\t") for line in (root / planted.FEATURED_TARGET).glob("*.item").__next__().read_text().splitlines()
    ]
    titles, prices = zip(*((line[1], line[3]) for line in lines[1:21]), strict=True)
    assert target.present["text"].tolist() == [False, *map(bool, titles)]
    expected = price_buckets(np.array([float(price or "nan") for price in prices]))
    assert target.values["price"].tolist() == [0, *expected]
    for name, present in target.present.items():
        assert not target.values[name][~present].any()
    images = np.load(root / planted.FEATURED_TARGET / f"{planted.FEATURED_TARGET}.image.npz")
    row = images["item_id"].tolist().index(TOKENS[6])
    own, stored = target.values["image"][7].astype(float), images["vector"][row].astype(float)
    np.testing.assert_allclose(own / np.linalg.norm(own), stored / np.linalg.norm(stored), atol=1e-3)
    assert target.describe() == "text of 90.0% of the items, image of 90.0% of the items, price of 90.0% of the items"


def test_relearning_gives_the_target_a_space_of_its_own(root: Path) -> None:
    alone, relearn = build(root, source_datasets=[]), build(root)
    np.testing.assert_array_equal(alone.target.values["text"], relearn.target.values["text"])
    assert relearn.text_space(SOURCE) is not relearn.text_space(planted.FEATURED_TARGET)
    shared = build(root, adapt="finetune")
    assert shared.text_space(SOURCE) is shared.text_space(planted.FEATURED_TARGET)


def test_a_given_space_is_taken_for_all_domains(root: Path) -> None:
    given = build(root).text_space(SOURCE)
    assert given is not None
    space = build(root, space=given, adapt="finetune")
    found = space.of(SOURCE, TOKENS_OF_SOURCE).values["text"][2]
    line = next(
        line for line in (root / SOURCE / f"{SOURCE}.item").read_text().splitlines() if f"{SOURCE}-i1\t" in line
    )
    np.testing.assert_allclose(found, given.transform([line.split("\t")[1]])[0], atol=2e-3)


def test_items_that_training_lacks_have_no_part_in_the_space(root: Path) -> None:
    seen = np.arange(20) < 10
    known, every = (build(root, seen=flags).text_space(planted.FEATURED_TARGET) for flags in (seen, None))
    assert known is not None
    assert every is not None
    assert set(known.vocabulary) < set(every.vocabulary)


def test_a_source_has_the_modalities_of_the_target_alone(root: Path) -> None:
    space = build(root, modalities=["price"])
    assert space.forms == {"price": Categories(N_BUCKETS)}
    assert set(space.of(SOURCE, TOKENS_OF_SOURCE).values) == {"price"}


def test_features_are_computed_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(root).target.values["text"]

    def fail(*arguments: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(TextSpace, "fit", fail)
    monkeypatch.setattr(TextSpace, "transform", fail)
    np.testing.assert_array_equal(build(root).target.values["text"], first)
    assert first.dtype == np.float16


def test_ready_texts_and_their_widths(tmp_path: Path) -> None:
    planted.write_featured_suite(tmp_path, target_users=5, source_users=5)
    for name, tokens, width in ((planted.FEATURED_TARGET, TOKENS, 3), (SOURCE, TOKENS_OF_SOURCE, 4)):
        np.savez(tmp_path / name / f"{name}.bert.npz", item_id=tokens, vector=np.ones((20, width)))
    space = build(tmp_path, text_encoder="vectors", text_vectors="bert")
    assert space.forms["text"] == Vectors(3)
    np.testing.assert_allclose(np.square(space.target.values["text"][1:].astype(float)).sum(1), 1, atol=1e-2)
    with pytest.raises(UserError, match="featured-a: text vectors of width 4, those of featured-target have 3"):
        space.of(SOURCE, TOKENS_OF_SOURCE)


def test_sentence_vectors_have_unit_norm_whatever_the_encoder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(texts: Any, *arguments: Any) -> Any:
        return 20 * np.arange(1, 2 * len(texts) + 1, dtype=np.float32).reshape(-1, 2)

    monkeypatch.setattr(text, "encode_sentences", encode)
    target = build(root, text_encoder="some/model").target
    present = target.present["text"]
    expected = encode(range(20))[present[1:]]
    expected /= np.sqrt(np.square(expected).sum(1).mean())
    np.testing.assert_allclose(target.values["text"][present], expected, atol=2e-3)
    assert not target.values["text"][~present].any()


def test_pictures_go_through_the_encoder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.write_featured_suite(tmp_path, target_users=5, source_users=5)
    name = planted.FEATURED_TARGET
    item_file = tmp_path / name / f"{name}.item"
    lines = item_file.read_text().splitlines()
    pictured = [f"{line}\thttp://x/{i}.png" for i, line in enumerate(lines[1:])]
    item_file.write_text("\n".join([f"{lines[0]}\timage:token_seq", *pictured]) + "\n")
    folder = tmp_path / "pictures" / name
    folder.mkdir(parents=True)
    weights = tmp_path / "w.pth"
    for path in (folder / "0.png", folder / "3.png", weights):
        path.touch()
    asked = []

    def encode(files: Any, *arguments: Any) -> Any:
        asked.append([len(own) for own in files])
        return np.where(np.array(asked[-1])[:, None] > 0, np.full((len(files), 2), 20), np.nan).astype(np.float32)

    monkeypatch.setattr(encoding, "encode_pictures", encode)
    monkeypatch.setattr(encoding, "build_encoder", lambda *arguments: None)
    settings = {"image_encoder": "timm:x", "image_weights": str(weights), "image_folder": str(tmp_path / "pictures")}
    for _ in range(2):
        target = build(tmp_path, **settings).target
        assert np.flatnonzero(target.present["image"]).tolist() == [1, 4]
        np.testing.assert_allclose(target.values["image"][[1, 4]], 0.5**0.5, atol=1e-3)
    assert asked == [[int(i in (0, 3)) for i in range(20)]]
