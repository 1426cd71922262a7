"""Texts as vectors: TF-IDF and truncated SVD, which need no download, or a sentence encoder."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from recbole_metarec.errors import UserError
from recbole_metarec.features.arrays import read_arrays

Vectors = npt.NDArray[np.float32]

# Directions are scaled by their singular values to this power less one: at 1 few common ones drown all others, at 0
# noise is as loud as they are. As eigenvalue weighting in Levy, Goldberg and Dagan (TACL 2015), section 3.3.
EIGENVALUE_POWER = 0.5


class TextSpace:
    """Latent semantic space (Deerwester et al., JASIS 1990) of words and pairs of words.

    Parameters
    ----------
    vocabulary : sequence of str
        Terms, in column order.
    idf : float32 array, shape (n_terms,)
        Inverse document frequencies.
    projection : float32 array, shape (n_terms, size)
        From weighted terms to vectors.
    """

    def __init__(self, vocabulary: Sequence[str], idf: Vectors, projection: Vectors) -> None:
        self.vocabulary, self.idf, self.projection = list(vocabulary), idf, projection
        self._vectorizer = _vectorizer(vocabulary=self.vocabulary)
        self._vectorizer.idf_ = idf.astype(np.float32)

    @property
    def size(self) -> int:
        """Width of the vectors."""
        return int(self.projection.shape[1])

    @classmethod
    def fit(cls, groups: Sequence[Sequence[str]], size: int, seed: int = 0) -> TextSpace:
        """Learn terms and directions from texts.

        Parameters
        ----------
        groups : sequence of sequence of str
            Groups of texts that weigh the same, each as a whole, in the choice of directions. Blank ones say nothing.
        size : int
            Width of the vectors; where the texts have fewer directions, the last columns are 0.
        seed : int
            Of the randomized decomposition (Halko et al., SIAM Review 2011).

        Returns
        -------
        TextSpace

        Raises
        ------
        UserError
            If no word stands in two texts.
        """
        groups = [[text for text in group if text] for group in groups]
        texts = [text for group in groups for text in group]
        vectorizer = _vectorizer(min_df=2 if len(texts) > 1 else 1)
        try:
            counts = vectorizer.fit_transform(texts)
        except ValueError as error:
            raise UserError([f"the items' texts cannot be compared: {error}; leave text out of modalities"]) from None
        found = min(size, counts.shape[0] - 1, counts.shape[1] - 1)
        projection = np.zeros((counts.shape[1], size), np.float32)
        if found > 0:
            weights = np.concatenate(
                [np.full(len(group), (len(texts) / max(len(group), 1)) ** 0.5) for group in groups]
            )
            from sklearn.decomposition import TruncatedSVD

            svd = TruncatedSVD(found, n_iter=4, random_state=seed).fit(counts.multiply(weights[:, None]).tocsr())
            kept = svd.singular_values_ > 1e-6 * svd.singular_values_[0]
            scale = np.where(kept, np.maximum(svd.singular_values_, 1e-30) ** (EIGENVALUE_POWER - 1), 0)
            projection[:, :found] = svd.components_.T * scale
            norm = np.sqrt(np.square(counts @ projection).sum(1).mean())
            projection /= max(float(norm), 1e-30)
        return cls(vectorizer.get_feature_names_out(), vectorizer.idf_.astype(np.float32), projection)

    def transform(self, texts: Sequence[str]) -> Vectors:
        """Map texts to vectors, shape (n, size); those of a known domain have a mean square norm near 1."""
        if not texts:
            return np.zeros((0, self.size), np.float32)
        return np.asarray(self._vectorizer.transform(texts) @ self.projection, np.float32)

    def digest(self) -> str:
        """Return a hash of the content."""
        content = hashlib.sha256("\n".join(self.vocabulary).encode())
        content.update(self.idf.tobytes() + self.projection.tobytes())
        return content.hexdigest()

    def state(self) -> dict[str, Any]:
        """Return what the constructor takes, by name."""
        return {"vocabulary": self.vocabulary, "idf": self.idf, "projection": self.projection}

    def save(self, file: BinaryIO) -> None:
        """Write the space to an open file."""
        np.savez(file, vocabulary=np.array(self.vocabulary), idf=self.idf, projection=self.projection)

    @classmethod
    def load(cls, path: Path) -> TextSpace:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        vocabulary, idf, projection = read_arrays(path, ("vocabulary", "idf", "projection"))
        if projection.ndim != 2 or not vocabulary.shape == idf.shape == projection.shape[:1]:
            raise ValueError("is no space of texts")
        return cls(vocabulary.tolist(), idf, projection)


def _vectorizer(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), dtype=np.float32, **options)


def encode_sentences(texts: Sequence[str], name: str, batch_size: int, progress: bool) -> Vectors:
    """Encode texts with a model of sentence-transformers (https://sbert.net), the extra ``[text]``.

    Parameters
    ----------
    texts : sequence of str
    name : str
        Name or folder of the model.
    batch_size : int
        Texts in a batch.
    progress : bool
        Show a bar, if there is a terminal.

    Returns
    -------
    float32 array, shape (n, width)

    Raises
    ------
    UserError
        If the package or the model is not there.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise UserError(
            [f"--text_encoder={name}: needs sentence-transformers; pip install 'recbole-metarec[text]', or write tfidf"]
        ) from None
    try:
        model = SentenceTransformer(name)
    except (OSError, ValueError) as error:
        raise UserError([f"--text_encoder={name}: cannot be loaded: {' '.join(str(error).split())}"]) from None
    show = progress and sys.stderr.isatty()
    encoded = model.encode(list(texts), batch_size=batch_size, show_progress_bar=show, convert_to_numpy=True)
    return np.asarray(encoded, np.float32)
