"""Texts as vectors: ready ones, those of a sentence encoder, or TF-IDF in a space that domains may share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_metarec.features.cache import Stored, cached, digest, kept
from recbole_metarec.features.features import Values
from recbole_metarec.features.modalities.base import Modality, SuiteItems, no_vectors, scaled
from recbole_metarec.features.text import TextSpace, encode_sentences
from recbole_metarec.settings.features import FeatureSettings


class Text(Modality):
    """Vectors of an item's text.

    With TF-IDF, texts are in one space for all domains if they share an adapter of features; the target weighs as much
    in it as all sources. Where the target has an adapter of its own, its texts have a space of their own, which no
    other domain's words crowd, and the sources' texts have another.
    """

    def __init__(self, settings: FeatureSettings, suite: SuiteItems) -> None:
        super().__init__(settings, suite)
        self.cache = Path(settings.feature_cache)
        self._spaces: dict[tuple[str, ...], TextSpace | None] = {}

    @classmethod
    def columns(cls, settings: FeatureSettings) -> Sequence[str]:
        """See `Modality`."""
        return settings.text_fields

    def values(self, domain: str, cells: pd.DataFrame) -> Values:
        """See `Modality`."""
        settings, encoder = self.settings, self.settings.text_encoder
        if encoder == "vectors":
            return self.ready_vectors(domain, settings.text_vectors, [*cells.index])
        texts = self.texts(cells)
        present = np.array([bool(text) for text in texts], bool)
        if encoder != "tfidf":
            return scaled(self._sentences(texts) * present[:, None], present)
        space = self.space(domain)
        if space is None:
            return no_vectors(len(texts))
        vectors = cached(self.cache, digest([space.digest(), *texts]), partial(space.transform, texts))
        return Values(vectors * present[:, None], present)

    def space(self, domain: str) -> TextSpace | None:
        """Return the space of a domain's texts; ``None`` if they are no TF-IDF, or there are none."""
        suite = self.suite
        if self.settings.text_encoder != "tfidf" or suite.sharing.text_space is not None:
            return suite.sharing.text_space
        if suite.sharing.shared:
            domains = (suite.target, *suite.sources)
        else:
            domains = (suite.target,) if domain == suite.target else tuple(suite.sources)
        if domains not in self._spaces:
            self._spaces[domains] = self._fit(domains)
        return self._spaces[domains]

    def _fit(self, domains: Sequence[str]) -> TextSpace | None:
        groups: dict[bool, list[str]] = {}  # the target against all sources
        for name in domains:
            is_target, cells = name == self.suite.target, self.suite.cells(name)
            if is_target:
                trained = pd.Index(self.suite.trained)
                cells = cells.loc[trained[trained.isin(cells.index)]]
            groups.setdefault(is_target, []).extend(text for text in self.texts(cells) if text)
        if not any(groups.values()):
            return None
        size = self.settings.text_size
        key = digest(["tfidf", str(size), *(digest(texts) for texts in groups.values())])
        fit = partial(TextSpace.fit, list(groups.values()), size)
        return kept(self.cache / f"{key}.npz", TextSpace.load, fit, lambda file, space: space.save(file))

    def texts(self, cells: pd.DataFrame) -> list[str]:
        """Join the columns of each item, by blanks; blank where there is no text."""
        texts = pd.Series("", index=cells.index)
        for column in self.columns(self.settings):
            texts = texts + " " + cells[column]
        return texts.str.strip().tolist()

    def _sentences(self, texts: Sequence[str]) -> Stored:
        encoder, size, show = self.settings.text_encoder, self.settings.feature_batch_size, self.suite.show_progress
        return cached(self.cache, digest([encoder, *texts]), lambda: encode_sentences(texts, encoder, size, show))
