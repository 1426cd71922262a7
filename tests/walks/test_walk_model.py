"""A model from outside the package: one specification, known to the command line, comparisons and RecBole."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import planted
import pytest
import torch
from recbole.data.interaction import Interaction
from recbole.utils import get_model
from torch import Tensor, nn

import recbole_metarec as rm
from recbole_metarec.bridge.recommender import DomainRecommender
from recbole_metarec.bridge.trainer import DomainTrainer
from recbole_metarec.errors import UserError
from recbole_metarec.models import SPECS
from recbole_metarec.models.spec import ModelSpec
from recbole_metarec.nn.batches import Batch
from recbole_metarec.settings.base import option
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.settings.kinds import Count
from recbole_metarec.settings.optimizer import OptimizerSettings
from recbole_metarec.settings.softmax import SoftmaxSettings
from recbole_metarec.settings.suite import SuiteSettings
from recbole_metarec.training.finite import FiniteGate, take_step
from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.sampler import BatchSampler
from recbole_metarec.training.schedule import Phase, Schedule


class FactorSettings(OptimizerSettings, SoftmaxSettings, EvidenceSettings, SuiteSettings):
    """All settings that the model reads."""

    group = "Factors"

    n_factors: Count = option(8, "Width of item vectors.", "Ours")


class Factors(DomainRecommender):
    """The next item from the last one: two vectors for each item, as in FPMC without users."""

    settings: FactorSettings

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.before = nn.Embedding(self.n_items, self.settings.n_factors, padding_idx=0)
        self.behind = nn.Embedding(self.n_items, self.settings.n_factors, padding_idx=0)

    def tensors_of_catalogue(self) -> list[Tensor]:
        return [self.before.weight, self.behind.weight]

    def encode_catalogue(self) -> tuple[Tensor, Tensor]:
        return self.before.weight, self.behind.weight

    def states(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        return x_BLD[torch.arange(len(place_B)), place_B]

    def loss(self, batch: Batch) -> Tensor:
        items_N = batch.inputs_BL.flatten()[batch.places_N]
        return nn.functional.cross_entropy(self.before(items_N) @ self.behind.weight.T, batch.targets_N)

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        raise NotImplementedError("the trainer takes windows")


class FactorsTrainer(DomainTrainer):
    """Trains it on windows of the target."""

    model: Factors

    def begin(self, train_data: Any, show_progress: bool) -> Schedule:
        settings, domain = self.model.settings, train_data._dataset.domain()
        sampler = BatchSampler(domain, settings, 50, settings.train_batch_size, settings.seed, self.device)
        gate = FiniteGate(self.device, "lower learning_rate")
        phase = Phase("factors", settings.epochs, len(sampler.windows), self._learn, partial(self._step, sampler, gate))
        return Schedule((phase,))

    def _learn(self) -> TableOptimizer:
        settings = self.model.settings
        return TableOptimizer(settings.learner, [*self.model.parameters()], [], settings.learning_rate, 0.0)

    def _step(self, sampler: BatchSampler, gate: FiniteGate, epoch: int, number: int) -> Tensor:
        loss = self.model.loss(sampler.draw(epoch, number).batches[0])
        loss.backward()
        take_step(self.optimizer, self.model.settings.clip_grad_norm, gate, loss.detach(), sampler.name)
        return loss.detach()

    def training_state(self) -> dict[str, Any]:
        return {}


SPEC = ModelSpec(
    "Factors", f"{__name__}:Factors", f"{__name__}:FactorsTrainer", FactorSettings, variants={"wide": {"n_factors": 32}}
)


@pytest.fixture(autouse=True)
def _registered() -> Any:
    rm.register(SPEC)
    yield
    del SPECS["Factors"]


def keys(suite: Path, **changes: Any) -> dict[str, Any]:
    names = ("dataset", "data_path", "gpu_id", "show_progress", "state", "seed")
    settings = planted.settings(suite)
    return {**{name: settings[name] for name in names}, "epochs": 3, "softmax": "full", **changes}


def test_it_trains_and_learns(suite: Path) -> None:
    (result,) = rm.run(keys(suite, model="Factors", learning_rate=0.03, epochs=10, memory_weight=0))
    assert result.curve[-1] > result.curve[0]
    assert get_model("Factors") is Factors
    assert rm.load_with_data(result.checkpoint).settings["n_factors"] == 8


def test_it_takes_part_in_comparisons_with_its_variants(suite: Path, tmp_path: Path) -> None:
    settings = keys(suite, comparison_folder=str(tmp_path / "runs"), memory_weight=0)
    comparison = rm.compare(["Factors", "Factors:wide", "Pop"], settings)
    assert [entry.label for entry in comparison.entries] == ["Factors", "Factors:wide", "Pop"]
    assert comparison.failures == {}


def test_its_keys_have_rules(suite: Path) -> None:
    with pytest.raises(UserError, match="--n_factors=0: must be a whole number, 1 or more"):
        rm.run(keys(suite, model="Factors", n_factors=0))
