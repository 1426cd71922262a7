"""MetaRec's training: warm-up on the sources, meta transfer guided by the target, fine-tuning on the target."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from recbole_metarec.bridge.suite import load_suite, load_with_features
from recbole_metarec.bridge.trainer import DomainTrainer
from recbole_metarec.domains.domain import DomainSuite
from recbole_metarec.errors import UserError
from recbole_metarec.models.metarec.learner import Learner
from recbole_metarec.models.metarec.model import MetaRec
from recbole_metarec.models.metarec.tasks import make_tasks
from recbole_metarec.training.tensors import check_tensors

Phase = Literal["meta transfer", "fine-tuning"]


class MetaRecTrainer(DomainTrainer):
    """RecBole trainer of `MetaRec`.

    Without source domains it trains from scratch: fine-tuning alone, of everything, for as many epochs.

    Parameters
    ----------
    config : recbole.config.Config
        Keys of ``properties/model/MetaRec.yaml``.
    model : MetaRec
        The model.

    Attributes
    ----------
    suite : DomainSuite
        Target and sources, once `fit` has begun.
    learner : Learner
        What takes the steps, likewise.
    weight_history : list of dict
        Source weights (by name) of each epoch of meta transfer, averaged over its steps.
    """

    model: MetaRec
    suite: DomainSuite
    learner: Learner

    def __init__(self, config: Any, model: MetaRec) -> None:
        super().__init__(config, model)
        self.weight_history: list[dict[str, float]] = []
        self._phase: Phase | None = None

    @property
    def source_weights(self) -> dict[str, float] | None:
        """Mean weight of each source over the epochs of meta transfer; ``None`` without any."""
        history = self.weight_history
        return {name: sum(epoch[name] for epoch in history) / len(history) for name in history[0]} if history else None

    def begin(self, train_data: Any, show_progress: bool) -> None:
        """Load the suite, then warm up or go on from a checkpoint."""
        target, space, features = train_data._dataset.domain(), self.model.space, None
        if space is None:
            self.suite = load_suite(self.config, target)
        else:
            self.suite, of_sources = load_with_features(self.config, target, space)
            features = [self.model.features(), *of_sources]
        tasks = make_tasks(self.suite, cast(nn.Parameter, self.model.item_embedding.weight), self.config, features)
        self.learner = Learner(self.model.encoder, tasks, self.config, self.enable_amp)
        if self._resumed is not None:
            self.restore(self._resumed)
        elif self.suite.sources:
            self._warm_up(show_progress)

    def _warm_up(self, show_progress: bool) -> None:
        epochs, sources = self.config["warmup_epochs"], self.learner.tasks[1:]
        if not epochs:
            return
        self.learner.learn(sources)
        plan = np.concatenate([np.full(len(task.windows), i) for i, task in enumerate(sources)])
        self.model.train()
        hidden = None if show_progress else True  # None: unless it is a terminal
        with tqdm(total=epochs * len(plan), desc="warm-up on the sources", disable=hidden) as bar:
            for epoch in range(epochs):
                taken = [0] * len(sources)
                for i in np.random.default_rng((self.config["seed"], epoch)).permutation(plan):
                    self.learner.plain_step(sources[i], epoch, taken[i])
                    taken[i] += 1
                    bar.update()
        self.learner.gate.check()

    def _train_epoch(
        self, train_data: Any, epoch_idx: int, loss_func: Any = None, show_progress: bool = False
    ) -> float:
        self._enter(epoch_idx)
        if epoch_idx < self._first_counted_epoch:
            self.cur_step = -1
        self.model.train()
        learner = self.learner
        target, *sources = learner.tasks
        weights: list[Tensor] = []
        total = torch.zeros((), device=self.device)
        for number in tqdm(
            range(len(target.windows)),
            desc=f"{self._phase}, epoch {epoch_idx + 1}",
            disable=None if show_progress else True,
            leave=False,
            delay=2,
        ):
            if self._phase == "meta transfer":
                loss, weight = learner.meta_step(epoch_idx, number)
                weights.append(weight)
            else:
                loss = learner.plain_step(target, epoch_idx, number)
            total += loss
        learner.gate.check()
        if weights:
            mean = torch.stack(weights).mean(0).tolist()
            self.weight_history.append({task.name: w for task, w in zip(sources, mean, strict=True)})
        return float(total) / len(target.windows)

    @property
    def _first_counted_epoch(self) -> int:
        """The first epoch whose miss counts for patience, with sources and without.

        It is that of fine-tuning. Where there is none, misses do not count at first: the target's table is new, with
        sources to shared parameters that warm-up has made, and validation rises and falls.
        """
        meta_epochs: int | None = self.config["meta_epochs"]
        stopping_step: int = self.config["stopping_step"]
        return stopping_step if meta_epochs is None else meta_epochs

    def _enter(self, epoch: int) -> None:
        meta_epochs = self.config["meta_epochs"]
        transfers = bool(self.suite.sources) and (meta_epochs is None or epoch < meta_epochs)
        phase: Phase = "meta transfer" if transfers else "fine-tuning"
        if phase != self._phase:
            self._phase = phase
            if phase == "meta transfer":
                self.learner.learn(self.learner.tasks)
            else:
                self.learner.learn(self.learner.tasks[:1], freeze=self.config["freeze"] and bool(self.suite.sources))
            self.optimizer = self.learner.optimizer

    # -- checkpoints --------------------------------------------------------------------------------------------

    def training_state(self) -> dict[str, Any]:
        """See `DomainTrainer`."""
        learner = self.learner
        return {
            "sources": {domain.name: domain.fingerprint() for domain in self.suite.sources},
            "source_tables": {task.name: task.table.detach() for task in learner.tasks[1:]},
            "inner_rates": [{name: rate.item() for name, rate in rates.items()} for rates in learner.inner_rates],
            "similarities": learner.similarities,
            "weight_history": self.weight_history,
            "steps": learner.steps,
        }

    def restore_training(self, state: Mapping[str, Any]) -> None:
        """See `DomainTrainer`."""
        learner = self.learner
        changed = [
            f"{domain.name}: is not the source that it was when the checkpoint was written; no run can go on from there"
            for domain in self.suite.sources
            if state.get("sources", {}).get(domain.name, domain.fingerprint()) != domain.fingerprint()
        ]
        if changed:
            raise UserError(changed)
        tables = {task.name: task.table for task in learner.tasks[1:]}
        check_tensors(self.saved_model_file, state["source_tables"], tables)
        with torch.no_grad():
            for task in learner.tasks[1:]:
                task.table.copy_(state["source_tables"][task.name])
            for rates, saved in zip(learner.inner_rates, state["inner_rates"], strict=True):
                for name, rate in rates.items():
                    rate.fill_(saved[name])
        learner.similarities.copy_(state["similarities"])
        learner.steps = operator.index(state["steps"])
        self.weight_history = [{name: float(weight) for name, weight in row.items()} for row in state["weight_history"]]
        if state["epoch"] >= 0:
            self._enter(state["epoch"])
            self.optimizer.load_state_dict(state["optimizer"])
