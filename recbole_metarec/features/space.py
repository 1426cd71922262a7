"""The feature space of a suite: what its items' texts, images and prices become, the same way in every domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_metarec.bridge.config import data_path
from recbole_metarec.errors import UserError
from recbole_metarec.features.cache import cached, digest, kept
from recbole_metarec.features.image import build_encoder, encode_pictures, find_files
from recbole_metarec.features.metadata import Metadata, of_items, read_metadata
from recbole_metarec.features.price import price_buckets
from recbole_metarec.features.text import TextSpace, encode_sentences
from recbole_metarec.features.vectors import read_vectors

MODALITIES = ("text", "image", "price")


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a domain's items; row 0 is padding.

    Parameters
    ----------
    values : dict of str to array
        Vectors of ``text`` and ``image``, shape (n_items + 1, width), 0 where missing; buckets of ``price``, shape
        (n_items + 1,).
    present : dict of str to bool array, shape (n_items + 1,)
        Which items have the modality.
    """

    values: dict[str, npt.NDArray[Any]]
    present: dict[str, npt.NDArray[np.bool_]]

    def describe(self) -> str:
        """Coverage of each modality, in one line."""
        return ", ".join(f"{name} of {flags[1:].mean():.1%} of the items" for name, flags in self.present.items())


class FeatureSpace:
    """Loads the features of a suite's domains.

    Texts are in one space for all domains if they share an adapter of features; the target weighs as much in it as all
    sources. Where the target has an adapter of its own, its texts have a space of their own, which no other domain's
    words crowd, and the sources' texts have another.

    Parameters
    ----------
    config : recbole.config.Config
        The feature keys of ``properties/overall.yaml``.
    tokens : sequence of str
        Items of the target domain, padding left out.
    seen : bool array, shape (n_items,)
        Which of them stand in the training part: the others' texts have no part in a space.
    shared : bool
        Whether all domains share an adapter.
    text_space : TextSpace, optional
        Take this space of texts instead of learning one from the suite.

    Attributes
    ----------
    target : Features
        Of the target domain.

    Raises
    ------
    UserError
        If no item of the target has a feature, or a file is malformed.
    """

    def __init__(
        self,
        config: Any,
        tokens: Sequence[str],
        seen: npt.NDArray[np.bool_],
        shared: bool,
        text_space: TextSpace | None = None,
    ) -> None:
        self.config, self.name, self.given = config, config["dataset"], text_space
        self.cache = Path(config["feature_cache"])
        self.shared = shared
        self._fitted = [token for token, there in zip(tokens, seen, strict=True) if there]
        self._files: dict[str, Mapping[str, tuple[str, float, list[str]]]] = {}
        self._spaces: dict[tuple[str, ...], TextSpace | None] = {}
        self.target = self._load(self.name, tokens, config["modalities"])
        if not self.target.values:
            wanted = " or ".join(config["modalities"])
            raise UserError([f"{self.name}: no item has {wanted}; put them into its .item file or use MetaRec without"])

    def text_space(self, name: str) -> TextSpace | None:
        """Return the space of a domain's texts; ``None`` if they are no TF-IDF, or there are none."""
        if self.config["text_encoder"] != "tfidf" or self.given is not None:
            return self.given
        sources = tuple(self.config["source_datasets"] or ())
        domains = (self.name, *sources) if self.shared else (self.name,) if name == self.name else sources
        if domains not in self._spaces:
            self._spaces[domains] = self._fit(domains)
        return self._spaces[domains]

    def widths(self) -> dict[str, int]:
        """Return the width of each modality that the target has; 1 for prices."""
        return {name: values[0].size for name, values in self.target.values.items()}

    def features(self, name: str, tokens: Sequence[str]) -> Features:
        """Load the features of a domain.

        Parameters
        ----------
        name : str
            Its dataset name.
        tokens : sequence of str
            Its items, padding left out.

        Returns
        -------
        Features
            With the modalities that the domain has, and the target, too.

        Raises
        ------
        UserError
            If a file is malformed.
        """
        found = self._load(name, tokens, tuple(self.target.values))
        self._check_widths(name, found)
        return found

    def _load(self, name: str, tokens: Sequence[str], modalities: Sequence[str]) -> Features:
        metadata = of_items(self._items(name), tokens)
        values: dict[str, npt.NDArray[Any]] = {}
        present: dict[str, npt.NDArray[np.bool_]] = {}
        for modality in modalities:
            found, flags = getattr(self, f"_{modality}")(name, tokens, metadata)
            if flags.any():
                values[modality] = np.concatenate([np.zeros_like(found[:1]), found])
                present[modality] = np.concatenate([[False], flags])
        result = Features(values, present)
        getLogger().info(f"{name}: {result.describe() or 'no features'}")
        return result

    def _check_widths(self, name: str, features: Features) -> None:
        own, target = (
            {kind: values[0].size for kind, values in found.values.items()} for found in (features, self.target)
        )
        problems = [
            f"{name}: {kind} vectors of width {width}, those of {self.name} have {target[kind]}; encode "
            "all domains the same way"
            for kind, width in own.items()
            if width != target[kind]
        ]
        if problems:
            raise UserError(problems)

    def _items(self, name: str) -> Mapping[str, tuple[str, float, list[str]]]:
        if name not in self._files:
            config = self.config
            self._files[name] = read_metadata(
                data_path(config) / name / f"{name}.item",
                config["ITEM_ID_FIELD"],
                config["text_fields"],
                config["price_field"],
                config["image_field"],
                config["field_separator"],
                config["encoding"] or "utf-8",
            )
        return self._files[name]

    def _fit(self, domains: Sequence[str]) -> TextSpace | None:
        groups: dict[bool, list[str]] = {}  # the target against all sources
        for name in domains:
            items = self._items(name)
            tokens = self._fitted if name == self.name else list(items)
            texts = [items[token][0] for token in tokens if token in items]
            groups.setdefault(name == self.name, []).extend(text for text in texts if text)
        if not any(groups.values()):
            return None
        size = self.config["text_size"]
        key = digest(["tfidf", str(size), *(digest(texts) for texts in groups.values())])
        fit = partial(TextSpace.fit, list(groups.values()), size)
        return kept(self.cache / f"{key}.npz", TextSpace.load, fit, lambda file, space: space.save(file))

    def _text(self, name: str, tokens: Sequence[str], metadata: Metadata) -> tuple[Any, npt.NDArray[np.bool_]]:
        config, texts = self.config, metadata.texts
        encoder = config["text_encoder"]
        if encoder == "vectors":
            return self._ready(name, config["text_vectors"], tokens)
        present = np.array([bool(text) for text in texts], bool)
        if encoder == "tfidf":
            space = self.text_space(name)
            if space is None:
                return np.zeros((len(texts), 1), np.float16), np.zeros(len(texts), bool)
            key, compute = digest([space.digest(), *texts]), lambda: space.transform(texts)
        else:
            size, show = config["feature_batch_size"], bool(config["show_progress"])
            key, compute = digest([encoder, *texts]), lambda: encode_sentences(texts, encoder, size, show)
        vectors = cached(self.cache, key, compute) * present[:, None]
        return vectors if encoder == "tfidf" else _unit_norm(vectors, present), present

    def _image(self, name: str, tokens: Sequence[str], metadata: Metadata) -> tuple[Any, npt.NDArray[np.bool_]]:
        config, encoder = self.config, self.config["image_encoder"]
        if encoder == "vectors":
            return self._ready(name, config["image_vectors"], tokens)
        files = [find_files(Path(config["image_folder"]) / name, names) for names in metadata.images]
        if not any(files):
            return np.zeros((len(files), 1), np.float16), np.zeros(len(files), bool)
        weights, size = Path(config["image_weights"]), config["feature_batch_size"]
        stamps = [f"{path}:{path.stat().st_mtime_ns}" for path in [weights, *(path for own in files for path in own)]]
        counts = [str(len(own)) for own in files]
        vectors = cached(
            self.cache,
            digest([encoder, *counts, *stamps]),
            lambda: encode_pictures(files, build_encoder(encoder, weights), size, bool(config["show_progress"])),
        )
        present = np.asarray(np.isfinite(vectors).all(axis=1))
        return _unit_norm(np.where(present[:, None], vectors, 0), present), present

    def _price(self, name: str, tokens: Sequence[str], metadata: Metadata) -> tuple[Any, npt.NDArray[np.bool_]]:
        buckets = price_buckets(metadata.prices)
        return buckets, buckets > 0

    def _ready(self, name: str, kind: str, tokens: Sequence[str]) -> tuple[Any, npt.NDArray[np.bool_]]:
        path = data_path(self.config) / name / f"{name}.{kind}.npz"
        if not path.exists():
            return np.zeros((len(tokens), 1), np.float16), np.zeros(len(tokens), bool)
        vectors, present = read_vectors(path, tokens, self.config["max_bad_features"])
        return _unit_norm(vectors, present), present


def _unit_norm(vectors: npt.NDArray[np.floating], present: npt.NDArray[np.bool_]) -> npt.NDArray[np.float16]:
    """Scale vectors to a mean square norm of 1, whatever encoder they are from."""
    norm = np.sqrt(np.square(vectors[present], dtype=np.float32).sum(1).mean()) if present.any() else 1.0
    return (vectors / max(float(norm), 1e-30)).astype(np.float16)
