"""What a frame says of new items, as the features that a model was trained with."""

# Shapes: I items.

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from typing_extensions import Self

from recbole_metarec.errors import UserError, noting
from recbole_metarec.features.features import Form, Vectors
from recbole_metarec.nn.item_features import ItemFeatures
from recbole_metarec.settings.features import FeatureSettings

TEXT_VECTOR, IMAGE_VECTOR = "text_vector", "image_vector"
"""Columns of ready vectors, a list of numbers each."""


class FeatureReader:
    """Turns texts, prices and ready vectors into features, in the way of a model's training.

    Parameters
    ----------
    settings : FeatureSettings
    forms : mapping of str to Categories or Vectors
        What the features of each modality are.
    norms : mapping of str to float
        What vectors are divided by.
    text_space : mapping, optional
        Of ``TextSpace.state``.
    """

    def __init__(
        self,
        settings: FeatureSettings,
        forms: Mapping[str, Form],
        norms: Mapping[str, float],
        text_space: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings, self.forms, self.norms, self.text_space = settings, dict(forms), dict(norms), text_space

    @property
    def columns(self) -> list[str]:
        """Columns that are read; a frame may lack some."""
        settings, columns = self.settings, list[str]()
        if "text" in self.forms:
            columns += [TEXT_VECTOR] if settings.text_encoder == "vectors" else settings.text_fields
        if "price" in self.forms and settings.price_field:
            columns.append(settings.price_field)
        return columns + [IMAGE_VECTOR] * ("image" in self.forms)

    def read(self, columns: Mapping[str, Sequence[Any]]) -> ItemFeatures:
        """Read the features of items.

        Parameters
        ----------
        columns : mapping of str to list
            ``item_id``, and those of `columns` that there are; ``None`` or not a number where nothing is known.

        Returns
        -------
        ItemFeatures

        Raises
        ------
        UserError
            If an item has no feature, or a malformed one.
        """
        n_items = len(columns["item_id"])
        values: dict[str, npt.NDArray[Any]] = {}
        present: dict[str, npt.NDArray[np.bool_]] = {}
        problems: list[str] = []
        for name in ("text", "image", "price"):
            if name in self.forms:
                with noting(problems):
                    values[name], present[name] = getattr(self, f"_{name}")(columns, n_items)
        if problems:
            raise UserError(problems)
        known = np.any([*present.values()], axis=0) if present else np.zeros(n_items, bool)
        if not known.all():
            item = columns["item_id"][int(known.argmin())]
            raise UserError([f"item {item!r}: has no feature; give it one of {', '.join(self.columns)}"])
        return ItemFeatures(
            {name: torch.from_numpy(each) for name, each in values.items()},
            {name: torch.from_numpy(flags) for name, flags in present.items()},
        )

    def tree(self) -> dict[str, Any]:
        """Return it as plain values and arrays; see `of_tree`."""
        settings = self.settings.plain_of(FeatureSettings)
        settings = {key: list(value) if isinstance(value, (list, tuple)) else value for key, value in settings.items()}
        return {"settings": settings, "norms": self.norms, "text_space": self.text_space}

    @classmethod
    def of_tree(cls, tree: Mapping[str, Any], forms: Mapping[str, Form]) -> Self:
        """Build what `tree` described."""
        return cls(FeatureSettings.of(tree["settings"]), forms, tree["norms"], tree["text_space"])

    def _text(
        self, columns: Mapping[str, Sequence[Any]], n_items: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        settings = self.settings
        if settings.text_encoder == "vectors":
            return self._vectors("text", TEXT_VECTOR, columns, n_items)
        texts = [
            " ".join(_text(columns[name][place]) for name in settings.text_fields if name in columns).strip()
            for place in range(n_items)
        ]
        present = np.array([bool(text) for text in texts], bool)
        from recbole_metarec.features.text import TextSpace, encode_sentences

        if settings.text_encoder == "tfidf":
            if self.text_space is None:
                return np.zeros((n_items, _width(self.forms["text"])), np.float16), np.zeros(n_items, bool)
            found = TextSpace(**self.text_space).transform(texts).astype(np.float16)
            return found * present[:, None], present
        found = encode_sentences(texts, settings.text_encoder, settings.feature_batch_size, False).astype(np.float16)
        return (found * present[:, None] / self.norms["text"]).astype(np.float16), present

    def _image(
        self, columns: Mapping[str, Sequence[Any]], n_items: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        return self._vectors("image", IMAGE_VECTOR, columns, n_items)

    def _price(
        self, columns: Mapping[str, Sequence[Any]], n_items: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        from recbole_metarec.features.modalities.price import price_buckets

        column = self.settings.price_field or ""
        cells = columns.get(column, [None] * n_items)
        prices = np.array([_number(cell) for cell in cells], np.float64)
        wrong = ~np.isnan(prices) & ~((prices >= 0) & np.isfinite(prices))
        if wrong.any():
            place = int(wrong.argmax())
            raise UserError([f"item {columns['item_id'][place]!r}: {column} {cells[place]} must be 0 or more"])
        buckets = price_buckets(prices)
        return buckets, buckets > 0

    def _vectors(
        self, name: str, column: str, columns: Mapping[str, Sequence[Any]], n_items: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        width = _width(self.forms[name])
        cells = [None if _is_missing(cell) else cell for cell in columns.get(column, [None] * n_items)]
        found, present = np.zeros((n_items, width), np.float64), np.array([cell is not None for cell in cells], bool)
        for place in np.flatnonzero(present).tolist():
            try:
                vector = np.asarray(cells[place], np.float64)
            except (TypeError, ValueError):
                vector = np.zeros(0)
            if vector.shape != (width,) or not np.isfinite(vector).all():
                raise UserError([f"item {columns['item_id'][place]!r}: {column} must be {width} finite numbers"])
            found[place] = vector
        return (found.astype(np.float32) / self.norms[name]).astype(np.float16), present


def _width(form: Form) -> int:
    assert isinstance(form, Vectors)
    return form.width


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _text(cell: Any) -> str:
    return "" if _is_missing(cell) else str(cell)


def _number(cell: Any) -> float:
    try:
        return math.nan if _is_missing(cell) else float(cell)
    except (TypeError, ValueError):
        return math.nan
