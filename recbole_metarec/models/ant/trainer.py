"""ANT's trainer: pre-training on the sources, adaptation to the target, and from what it goes on."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

import torch
from recbole.config import Config

from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.suite import load_with_features
from recbole_metarec.bridge.trainer import DomainTrainer
from recbole_metarec.errors import UserError
from recbole_metarec.features.suite import SuiteFeatures
from recbole_metarec.models.ant.core_file import load_core, save_core
from recbole_metarec.models.ant.model import ANT
from recbole_metarec.models.ant.pretraining import Pretraining, Source
from recbole_metarec.models.ant.schedule import TargetSteps, make_schedule
from recbole_metarec.training.form import SUFFIX
from recbole_metarec.training.sampler import BatchSampler
from recbole_metarec.training.schedule import Schedule
from recbole_metarec.transfer.relearn import RULES, adapt


class ANTTrainer(DomainTrainer):
    """RecBole trainer of `ANT`.

    The core is read from ``pretrained``, or pre-trained on ``source_datasets`` and written beside the checkpoints;
    without either, or with ``adapt: scratch``, the model learns from the target alone. With ``init_from`` the core is
    that of the checkpoint.

    Parameters
    ----------
    config : recbole.config.Config
        Keys of ``properties/model/ANT.yaml``.
    model : ANT
        The model.

    Attributes
    ----------
    steps : TargetSteps
        What takes the steps on the target, once `fit` has begun.
    core_file : str or None
        File of the pre-trained core, if there is one.
    pretraining_losses : list of float
        Mean loss of each epoch of pre-training.
    """

    model: ANT
    steps: TargetSteps
    core_file: str | None = None

    def __init__(self, config: Config, model: ANT) -> None:
        super().__init__(config, model)
        self.pretraining_losses: list[float] = []
        self._drawn: dict[str, torch.Tensor] = {}

    def begin(self, train_data: Any, show_progress: bool) -> Schedule:
        """Pre-train or load the core and adapt it, or go on from a checkpoint."""
        settings, dataset = self.model.settings, train_data._dataset
        length, batch_size = settings.MAX_ITEM_LIST_LENGTH, settings.train_batch_size
        sampler = BatchSampler(dataset.domain(), settings, length, batch_size, settings.seed, self.device, unseen=False)
        self.steps = TargetSteps(self.model, sampler, settings, self.enable_amp)
        if self._resumed is not None:
            with self.restoring() as state:
                self.steps.gate.bad = operator.index(state.get("bad_batches", 0))  # older checkpoints say nothing
        frozen: frozenset[str] = frozenset()
        if self._resumed is not None and not self.is_preparing:
            frozen = self._restored()
        elif self._beginning is not None:
            frozen = frozenset(self.model.core.state_dict() if settings.adapt == "frozen" else ())
        elif settings.adapt != "scratch" and (settings.pretrained or settings.source_datasets):
            frozen = self._adapt(dataset)
        return make_schedule(self.steps, frozen)

    def _adapt(self, dataset: DomainDataset) -> frozenset[str]:
        """Take the core over as ``adapt`` says; returns the names of its parameters that are frozen."""
        core, settings = self.model.core, self.model.settings
        self._drawn = {name: value.detach().clone() for name, value in core.state_dict().items()}
        if self._resumed is not None:  # within pre-training, which has changed the core
            with self.restoring() as state:
                self._drawn = dict(state["drawn"])
        if settings.pretrained:
            self.core_file = str(settings.pretrained)
            pretrained = load_core(Path(self.core_file), settings).parameters
        else:
            pretrained = self._pretrain(dataset)
        drawn, self._drawn = self._drawn, {}
        try:
            parameters, frozen = adapt(drawn, pretrained, core.roles(), RULES[settings.adapt])
        except ValueError as error:
            advice = "name another core, or write --adapt=relearn for features that it was not pre-trained with"
            raise UserError([f"--pretrained={self.core_file}: {error}; {advice}"]) from None
        core.load_state_dict(parameters)
        return frozen

    def _pretrain(self, dataset: DomainDataset) -> dict[str, torch.Tensor]:
        core, sources = self.model.core, self._load_sources(dataset)
        settings, gate = self.model.settings, self.steps.gate
        pretraining = Pretraining(core, sources, settings, self.device, self.enable_amp, gate)
        with torch.random.fork_rng():  # the target's training draws what it would draw with a core from a file
            self.pretraining_losses = self.prepare(pretraining.phase())
        path = Path(self.saved_model_file)
        self.core_file = str(path.with_name(f"{path.stem}-core{SUFFIX}"))
        text_space = self._features_of(dataset).text_space(sources[0].domain.name)
        save_core(Path(self.core_file), core, text_space, self.model.settings)
        return core.state_dict()

    def _features_of(self, dataset: DomainDataset) -> SuiteFeatures:
        prepared = dataset.item_features(self.config)
        assert prepared is not None  # as the specification says
        return prepared

    def _load_sources(self, dataset: DomainDataset) -> list[Source]:
        prepared = self._features_of(dataset)
        suite, features = load_with_features(self.config, dataset.domain(), prepared)
        sources = [Source(domain, own) for domain, own in zip(suite.sources, features, strict=True) if own]
        if not sources:
            names = " or ".join(prepared.forms)
            raise UserError([f"--source_datasets: no item of them has {names}; name domains that do, or none"])
        return sources

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def training_state(self) -> dict[str, Any]:
        """See `DomainTrainer`."""
        return {
            "frozen": sorted(self.steps.frozen),
            "core_file": self.core_file,
            "drawn": self._drawn,
            "bad_batches": self.steps.gate.bad,
        }

    def _restored(self) -> frozenset[str]:
        """Take over what `training_state` returned; returns what was frozen."""
        with self.restoring() as state:
            frozen, self.core_file = frozenset(state["frozen"]), state["core_file"]
            unknown = frozen - self.model.core.state_dict().keys()
            if unknown:
                raise ValueError(f"no parameter of the core is named {min(map(repr, unknown))}")
        return frozen
