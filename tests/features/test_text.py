"""Texts as vectors: neighbours are what shares words, and a stored space is the same space."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from recbole_metarec.errors import UserError
from recbole_metarec.features.text import EIGENVALUE_POWER, TextSpace, encode_sentences

TEXTS = [
    f"{tool} {colour} steel {n}mm" for tool in ("drill", "saw", "file") for colour in ("red", "blue") for n in (1, 2)
]


def test_it_is_scaled_latent_semantics() -> None:
    """Against scikit-learn's own transform: inner products agree up to one factor."""
    space = TextSpace.fit([TEXTS], 5)
    weighted = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2).fit_transform(TEXTS)
    svd = TruncatedSVD(5, random_state=0, n_iter=4).fit(weighted)
    expected = svd.transform(weighted) * svd.singular_values_ ** (EIGENVALUE_POWER - 1)
    found = space.transform(TEXTS)
    gram, expected_gram = found @ found.T, expected @ expected.T
    np.testing.assert_allclose(gram / gram[0, 0], expected_gram / expected_gram[0, 0], rtol=1e-3, atol=1e-3)
    assert np.square(found).sum(1).mean() == pytest.approx(1, rel=1e-5)


def test_groups_weigh_the_same() -> None:
    """Against scikit-learn on as many copies of the smaller group as make it as large as the other."""
    few, many = TEXTS[:3], [f"{toy} game {n}" for toy in ("ball", "doll") for n in range(6)]
    found = TextSpace.fit([few, many], 2).transform(few)
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2).fit(few + many)
    copied = TruncatedSVD(2, random_state=0, n_iter=4).fit(vectorizer.transform(4 * few + many))
    expected = copied.transform(vectorizer.transform(few)) * copied.singular_values_ ** (EIGENVALUE_POWER - 1)
    gram, expected_gram = found @ found.T, expected @ expected.T
    np.testing.assert_allclose(gram / gram[0, 0], expected_gram / expected_gram[0, 0], rtol=1e-3, atol=1e-3)


def test_what_shares_words_is_near() -> None:
    drill, same, saw = TextSpace.fit([TEXTS], 6).transform(["red drill steel", "blue drill steel", "blue saw"])
    assert drill @ same > drill @ saw


def test_texts_without_a_known_word_are_zero() -> None:
    assert not TextSpace.fit([TEXTS], 4).transform(["", "unheard of"]).any()
    assert TextSpace.fit([TEXTS], 4).transform([]).shape == (0, 4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text("abc ", min_size=3, max_size=20), min_size=2, max_size=8), st.integers(1, 12))
def test_any_texts_have_finite_vectors_of_the_width_asked_for(texts: list[str], size: int) -> None:
    try:
        space = TextSpace.fit([texts], size)
    except UserError:
        return  # no word comes twice
    vectors = space.transform(texts)
    assert vectors.shape == (len(texts), size)
    assert np.isfinite(vectors).all()


def test_a_stored_space_is_the_same(tmp_path: Path) -> None:
    space = TextSpace.fit([TEXTS], 4)
    with (tmp_path / "space.npz").open("wb") as file:
        space.save(file)
    again = TextSpace.load(tmp_path / "space.npz")
    assert again.digest() == space.digest()
    np.testing.assert_array_equal(again.transform(TEXTS), space.transform(TEXTS))
    assert TextSpace(**space.state()).digest() == space.digest()


def test_texts_in_which_no_word_comes_twice_are_refused() -> None:
    with pytest.raises(UserError, match="leave text out of modalities"):
        TextSpace.fit([["one", "two"]], 4)


def test_sentence_encoders_are_asked_with_all_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class SentenceTransformer:
        def __init__(self, name: str) -> None:
            if name == "missing":
                raise OSError("not found")
            asked["name"] = name

        def encode(self, texts: list[str], **options: Any) -> Any:
            asked.update(options)
            return np.arange(2 * len(texts), dtype=np.float64).reshape(-1, 2)

    module = ModuleType("sentence_transformers")
    module.__dict__["SentenceTransformer"] = SentenceTransformer
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    found = encode_sentences(["a", "b", "c"], "mini", 2, progress=False)
    np.testing.assert_array_equal(found, [[0, 1], [2, 3], [4, 5]])
    assert found.dtype == np.float32
    assert asked == {"name": "mini", "batch_size": 2, "show_progress_bar": False, "convert_to_numpy": True}
    with pytest.raises(UserError, match="--text_encoder=missing: cannot be loaded: not found"):
        encode_sentences(["a"], "missing", 2, progress=False)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match=r"recbole-metarec\[text\]"):
        encode_sentences(["a"], "mini", 2, progress=False)
