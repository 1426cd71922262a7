"""Pictures as vectors: ready ones, or those of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_metarec.features.cache import cached, digest
from recbole_metarec.features.features import Values
from recbole_metarec.features.modalities.base import Modality, no_vectors, scaled
from recbole_metarec.features.pictures import find_files
from recbole_metarec.settings.features import FeatureSettings


class Image(Modality):
    """Vectors of an item's pictures."""

    @classmethod
    def columns(cls, settings: FeatureSettings) -> Sequence[str]:
        """See `Modality`."""
        return [] if settings.image_field is None else [settings.image_field]

    def values(self, domain: str, cells: pd.DataFrame) -> Values:
        """See `Modality`."""
        settings = self.settings
        if settings.image_encoder == "vectors":
            return self.ready_vectors(domain, settings.image_vectors, [*cells.index])
        files = self._files(domain, cells)
        if not any(files):
            return no_vectors(len(files))
        vectors = self._encoded(files)
        present = np.asarray(np.isfinite(vectors).all(axis=1))
        return scaled(np.where(present[:, None], vectors, 0), present)

    def _files(self, domain: str, cells: pd.DataFrame) -> list[list[Path]]:
        columns = self.columns(self.settings)
        folder = self.settings.image_folder
        if not columns or folder is None:
            return [[]] * len(cells)
        return [find_files(Path(folder) / domain, names.split()) for names in cells[columns[0]]]

    def _encoded(self, files: Sequence[Sequence[Path]]) -> np.ndarray:
        """Encode the pictures of each item, those of none not a number, shape (n, width)."""
        from recbole_metarec.features.image import build_encoder, encode_pictures  # torch, which ready vectors need not

        settings = self.settings
        encoder, weights = settings.image_encoder, Path(str(settings.image_weights))
        stamps = [f"{path}:{path.stat().st_mtime_ns}" for path in [weights, *(path for own in files for path in own)]]
        counts = [str(len(own)) for own in files]
        size, show = settings.feature_batch_size, self.suite.show_progress
        return cached(
            Path(settings.feature_cache),
            digest([encoder, *counts, *stamps]),
            lambda: encode_pictures(files, build_encoder(encoder, weights), size, show),
        )
