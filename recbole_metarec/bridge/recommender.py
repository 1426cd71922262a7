"""What every model here is to RecBole: item vectors, sequence states, and what data say without learning."""

# Shapes: B sequences, L positions, D width, I items (row 0 is padding).

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from logging import getLogger
from typing import Any, cast

import numpy as np
import torch
from recbole.config import Config
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import Tensor

from recbole_metarec.bridge.config import settings_of
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.rows import TARGET_ROW
from recbole_metarec.bridge.suite import shared_interactions
from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.evidence import Evidence, knows_clock
from recbole_metarec.evidence.weights import EvidenceWeights
from recbole_metarec.features.features import Form
from recbole_metarec.inference.encoder import EncoderPart
from recbole_metarec.inference.features import FeatureReader
from recbole_metarec.inference.item_encoder import ItemEncoder
from recbole_metarec.models import SPECS
from recbole_metarec.nn.item_features import FeatureBuffers, ItemFeatures, to_tensors
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.settings.features import FeatureSettings
from recbole_metarec.settings.protocol import points_of


class DomainRecommender(SequentialRecommender, ABC):  # type: ignore[misc]
    """Sequential recommender whose scores are inner products of sequence states and item vectors, plus a prior.

    A subclass says how items and sequences become vectors.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration.
    dataset : DomainDataset
        Training part of the target domain.

    Attributes
    ----------
    evidence : Evidence
        What the training part of the target says without learning.
    item_counts : int64 array, shape (n_items,)
        Interactions of each item in the training part, padding first.
    is_evidence_alone : bool
        Whether there is nothing but evidence in the scores.
    evidence_knows_clock : bool
        Whether evidence is to know the clock where there is one.
    settings : EvidenceSettings
        All that the model reads, of the class that its specification names.
    forms : mapping of str to Categories or Vectors
        What the target's features of items are; none for a model that reads none.
    """

    settings: EvidenceSettings
    input_type = InputType.POINTWISE
    is_evidence_alone = False
    evidence_knows_clock = True

    def __init__(self, config: Config, dataset: Any) -> None:
        super().__init__(config, dataset)
        domain = dataset.domain()
        self.item_counts = domain.item_counts()
        self.settings = cast(EvidenceSettings, settings_of(config, SPECS[config["model"]].settings))
        self.evidence = self._evidence(config, dataset, domain)
        prepared = dataset.item_features(config)
        self.forms: Mapping[str, Form] = {} if prepared is None else prepared.forms
        self._prepared = prepared
        self._features = None if prepared is None else FeatureBuffers(to_tensors(prepared.target))
        self._catalogue: tuple[tuple[Any, ...], tuple[Tensor, Tensor]] | None = None

    def _evidence(self, config: Config, dataset: DomainDataset, domain: Domain) -> Evidence:
        settings = self.settings
        if not self.evidence_knows_clock:
            settings = settings.model_copy(update={"timed_evidence": False})
        elif domain.times is None:
            asked = {"timed_evidence=True": settings.timed_evidence is True}
            asked["shared_items=evidence"] = settings.shared_items == "evidence"
            for setting in (setting for setting, is_set in asked.items() if is_set):
                getLogger().warning(f"{domain.name}: timestamps know no clock: {setting} does nothing")
        shares = settings.shared_items == "evidence" and knows_clock(domain, settings)
        # Who splits by time asks for what comes later, and may count all that was before each request.
        counted = None if points_of(config) is None else dataset.everything()
        self._dataset = dataset
        also = shared_interactions(config, domain, dataset.item_tokens()) if shares else ()
        return Evidence.fit(domain, settings, self.is_evidence_alone, counted, also)

    def features(self) -> ItemFeatures | None:
        """Return the target's features, where the model is; ``None`` if it has none."""
        return None if self._features is None else self._features()

    @abstractmethod
    def encode_catalogue(self) -> tuple[Tensor, Tensor]:
        """Compute what `catalogue` returns."""

    @abstractmethod
    def tensors_of_catalogue(self) -> list[Tensor]:
        """List the parameters and buffers that the item vectors depend on."""

    @abstractmethod
    def states(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """Encode sequences of item vectors, shape (B, L, D), for one position each, shape (B, D)."""

    def encoder_parts(self) -> list[EncoderPart] | None:
        """Return what `states` is made of, so that checkpoints can be used without data; ``None`` if they cannot."""
        return None

    def item_codes(self) -> Tensor | None:
        """Return the codes that a quantizer gives the items, shape (n_items - 1, H), if there is one."""
        return None

    def item_encoders(self) -> list[ItemEncoder]:
        """Return what makes vectors of new items, one for each of `encoder_parts`; none if features have no part."""
        return []

    def feature_reader(self) -> FeatureReader | None:
        """Return what reads features of new items; ``None`` if the model reads none."""
        prepared = self._prepared
        if prepared is None:
            return None
        space = prepared.text_space(prepared.suite.target)
        settings = FeatureSettings.of(self.settings.model_dump())
        return FeatureReader(settings, self.forms, prepared.target.norms, None if space is None else space.state())

    def catalogue(self) -> tuple[Tensor, Tensor]:
        """Return the vectors of all items, to read sequences with and to score against; kept until weights change.

        Returns
        -------
        inputs_ID, outputs_ID : Tensor, shape (n_items, D)
            Without gradients.
        """
        version = tuple((tensor.data_ptr(), tensor._version) for tensor in self.tensors_of_catalogue())
        if self._catalogue is None or self._catalogue[0] != version:
            with torch.no_grad():
                self._catalogue = (version, self.encode_catalogue())
        return self._catalogue[1]

    def train(self, mode: bool = True) -> DomainRecommender:
        """Switch between training and evaluation; see ``torch.nn.Module.train``."""
        self._catalogue = None  # torch's fused optimizers change weights without counting versions
        super().train(mode)
        return self

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Encode sequences for scoring.

        Parameters
        ----------
        item_seq : LongTensor, shape (B, L)
            Item ids, right-padded with 0.
        item_seq_len : LongTensor, shape (B,)
            Number of items in each sequence, at least 1.

        Returns
        -------
        Tensor, shape (B, D)
            State behind the last item.
        """
        longest = int(item_seq_len.max())
        return self.states(self.catalogue()[0][item_seq[:, :longest]], item_seq_len - 1)

    @property
    def memory_weight(self) -> float | None:
        """Weight of the memory in the scores, see `EvidenceWeights`; ``None`` if evidence knows the clock."""
        return None if self.evidence.timed is not None else self.evidence.weights.memory_weight

    def other_parameter(self) -> dict[str, Any]:
        """Return what checkpoints keep beside weights; see RecBole's ``AbstractRecommender``."""
        return self.evidence.state()

    def load_other_parameter(self, para: Any) -> None:
        """Take over what `other_parameter` returned."""
        if para is not None:
            self.evidence.load_state(para)

    def joined(
        self, scores_BI: Tensor, rows: Interaction, trials: Iterable[EvidenceWeights] | None = None
    ) -> Iterator[Tensor]:
        """Join the scores of rows with evidence, at its own weights or with others; see `Evidence.joined`."""
        item_seq, item_seq_len = rows[self.ITEM_SEQ].to(self.device), rows[self.ITEM_SEQ_LEN].to(self.device)
        requests = None if self.evidence.timed is None else self._requests(rows)
        trials = trials or [self.evidence.weights]
        return self.evidence.joined(scores_BI, item_seq, item_seq_len, trials, requests)

    def _requests(self, rows: Interaction) -> Requests:
        """Return whole histories and times of rows; without a place in the data they ask on the last day's morrow."""
        if TARGET_ROW in rows:
            return self._dataset.requests(rows)
        assert self.evidence.timed is not None
        last_day = float(self.evidence.timed.last_day) * DAY
        item_seq, end = rows[self.ITEM_SEQ].cpu().numpy(), rows[self.ITEM_SEQ_LEN].cpu().numpy()
        begin = np.arange(len(item_seq)) * item_seq.shape[1]
        times, at = np.full(item_seq.size, last_day), np.full(len(item_seq), last_day + DAY)
        return Requests(item_seq.ravel(), times, begin, begin + end, at)

    def predict(self, interaction: Interaction) -> Tensor:
        """Score one item for each row, shape (B,)."""
        item_seq, item_seq_len = interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN]
        item_B1 = interaction[self.ITEM_ID][:, None]
        own_B1 = (self.forward(item_seq, item_seq_len) * self.catalogue()[1][item_B1[:, 0]]).sum(-1, keepdim=True)
        # The same score in all columns: what is joined is read at one, and no other item is scored for it.
        scores_BI = own_B1.repeat(1, self.n_items)
        joined_BI = next(self.joined(scores_BI, interaction))
        return joined_BI.gather(1, item_B1).squeeze(1)

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """Score all items for each row, shape (B, n_items); column 0 is padding, minus infinity."""
        item_seq, item_seq_len = interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN]
        scores_BI = self.forward(item_seq, item_seq_len) @ self.catalogue()[1].T
        scores_BI[:, 0] = -torch.inf
        return next(self.joined(scores_BI, interaction))
