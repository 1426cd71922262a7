"""ANT's training: pre-training on the sources, adaptation to the target by re-learning, fine-tuning or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm

from recbole_metarec.bridge.suite import load_with_features
from recbole_metarec.bridge.trainer import DomainTrainer
from recbole_metarec.domains.domain import Domain
from recbole_metarec.errors import UserError
from recbole_metarec.models.ant.core import load_core, save_core
from recbole_metarec.models.ant.model import ANT
from recbole_metarec.models.ant.pretraining import Pretraining, Source
from recbole_metarec.nn.encoder import next_item_loss, read_windows
from recbole_metarec.training.finite import FiniteGate, take_step
from recbole_metarec.training.lessons import Lessons
from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.transfer.relearn import RULES, adapt


class ANTTrainer(DomainTrainer):
    """RecBole trainer of `ANT`.

    The core is read from ``pretrained``, or pre-trained on ``source_datasets`` and written beside the checkpoints;
    without either, or with ``adapt: scratch``, the model learns from the target alone.

    Parameters
    ----------
    config : recbole.config.Config
        Keys of ``properties/model/ANT.yaml``.
    model : ANT
        The model.

    Attributes
    ----------
    lessons : Lessons
        The target's, once `fit` has begun.
    frozen : frozenset of str
        Names of the core's parameters that do not learn on the target.
    core_file : str or None
        File of the pre-trained core, if there is one.
    pretraining_losses : list of float
        Mean loss of each epoch of pre-training.
    """

    model: ANT
    lessons: Lessons
    core_file: str | None = None

    def __init__(self, config: Any, model: ANT) -> None:
        super().__init__(config, model)
        self.frozen: frozenset[str] = frozenset()
        self.pretraining_losses: list[float] = []
        self.gate = FiniteGate(self.device, "lower learning_rate, or set clip_grad_norm")

    def begin(self, train_data: Any, show_progress: bool) -> None:
        """Pre-train or load the core and adapt it, or go on from a checkpoint."""
        config, target = self.config, train_data._dataset.domain()
        self.lessons = Lessons(target, config, config["seed"], self.device, unseen=False)
        if self._resumed is not None:
            self.restore(self._resumed)
            return
        if config["adapt"] != "scratch" and (config["pretrained"] or config["source_datasets"]):
            self._adapt(target, show_progress)
        self._learn()

    def _adapt(self, target: Domain, show_progress: bool) -> None:
        core, config = self.model.core, self.config
        drawn = {name: value.detach().clone() for name, value in core.state_dict().items()}
        if config["pretrained"]:
            self.core_file = str(config["pretrained"])
            pretrained = load_core(Path(self.core_file), config).parameters
        else:
            sources = self._load_sources(target)
            pretraining = Pretraining(core, sources, config, self.device, self.enable_amp)
            with torch.random.fork_rng():  # the target's training draws what it would draw with a core from a file
                self.pretraining_losses = pretraining.run(show_progress)
            pretrained = core.state_dict()
            path = Path(self.saved_model_file)
            self.core_file = str(path.with_name(f"{path.stem}-core.pth"))
            assert self.model.space is not None
            save_core(Path(self.core_file), core, self.model.space.text_space(sources[0].domain.name), config)
        try:
            parameters, self.frozen = adapt(drawn, pretrained, core.roles(), RULES[config["adapt"]])
        except ValueError as error:
            advice = "name another core, or write --adapt=relearn for features that it was not pre-trained with"
            raise UserError([f"--pretrained={self.core_file}: {error}; {advice}"]) from None
        core.load_state_dict(parameters)

    def _load_sources(self, target: Domain) -> list[Source]:
        space = self.model.space
        assert space is not None
        suite, features = load_with_features(self.config, target, space)
        sources = [Source(domain, own) for domain, own in zip(suite.sources, features, strict=True) if own]
        if not sources:
            names = " or ".join(space.target.values)
            raise UserError([f"--source_datasets: no item of them has {names}; name domains that do, or none"])
        return sources

    def _learn(self) -> None:
        """Let learn what is not frozen."""
        for name, parameter in self.model.core.named_parameters():
            parameter.requires_grad_(name not in self.frozen)
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        config = self.config
        self.optimizer = TableOptimizer(
            config["learner"], learning, [], config["learning_rate"], config["weight_decay"]
        )

    # -- epochs -------------------------------------------------------------------------------------------------

    def _train_epoch(
        self, train_data: Any, epoch_idx: int, loss_func: Any = None, show_progress: bool = False
    ) -> float:
        thaws = self.config["adapt"] == "relearn" and self.config["thaw_after"] is not None
        if thaws and self.frozen and epoch_idx >= self.config["thaw_after"]:
            self.frozen = frozenset()
            self._learn()
        self.model.train()
        self.optimizer.set_learning_rate(self.config["learning_rate"] * self.config["learning_rate_decay"] ** epoch_idx)
        total = torch.zeros((), device=self.device)
        for step in tqdm(
            range(len(self.lessons.windows)),
            desc=f"epoch {epoch_idx + 1}",
            disable=None if show_progress else True,
            leave=False,
            delay=2,
        ):
            total += self.step(epoch_idx, step)
        self.gate.check()
        return float(total) / len(self.lessons.windows)

    def step(self, epoch: int, step: int) -> Tensor:
        """Descend on one batch of the target; see `Lessons.draw`.

        What the batch speaks of, all items that the training part has or those of a sampled softmax, is encoded once.

        Returns
        -------
        Tensor, scalar
            The loss.
        """
        lesson, model = self.lessons.draw(epoch, step), self.model
        (batch,) = lesson.batches
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.enable_amp):
            vectors_ID = model.item_vectors(lesson.ids)
            states_ND = normalize(read_windows(model.core.backbone, vectors_ID, batch), dim=-1)
            loss = next_item_loss(states_ND, model.outputs(vectors_ID), batch)
        if self.optimizer.parameters:
            loss.backward()
            take_step(self.optimizer, self.config["clip_grad_norm"], self.gate, loss.detach(), self.lessons.name)
        return loss.detach()

    # -- checkpoints --------------------------------------------------------------------------------------------

    def training_state(self) -> dict[str, Any]:
        """See `DomainTrainer`."""
        return {"frozen": sorted(self.frozen), "core_file": self.core_file}

    def restore_training(self, state: Mapping[str, Any]) -> None:
        """See `DomainTrainer`."""
        self.frozen, self.core_file = frozenset(state["frozen"]), state["core_file"]
        unknown = self.frozen - self.model.core.state_dict().keys()
        if unknown:
            raise ValueError(f"no parameter of the core is named {min(map(repr, unknown))}")
        self._learn()
        if state["epoch"] >= 0:
            self.optimizer.load_state_dict(state["optimizer"])
