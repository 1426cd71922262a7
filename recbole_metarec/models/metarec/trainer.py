"""MetaRec's trainer: what its schedule is made of, and from what it goes on."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from recbole.config import Config
from torch import nn

from recbole_metarec.bridge.suite import load_suite, load_with_features, naming
from recbole_metarec.bridge.trainer import DomainTrainer
from recbole_metarec.domains.domain import Domain, DomainSuite
from recbole_metarec.errors import UserError
from recbole_metarec.inference.section import SourceItems
from recbole_metarec.models.metarec.model import MetaRec
from recbole_metarec.models.metarec.schedule import WarmUp, make_schedule
from recbole_metarec.models.metarec.steps import MetaSteps
from recbole_metarec.models.metarec.tasks import make_tasks
from recbole_metarec.training.form import named_when_damaged
from recbole_metarec.training.schedule import Schedule
from recbole_metarec.training.tensors import check_tensors


class MetaRecTrainer(DomainTrainer):
    """RecBole trainer of `MetaRec`.

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
    steps : MetaSteps
        What takes the steps, likewise.
    weight_history : list of dict
        Source weights (by name) of each epoch of meta transfer, averaged over its steps.
    """

    model: MetaRec
    suite: DomainSuite
    steps: MetaSteps

    def __init__(self, config: Config, model: MetaRec) -> None:
        super().__init__(config, model)
        self.weight_history: list[dict[str, float]] = []

    @property
    def source_weights(self) -> dict[str, float] | None:
        """Mean weight of each source over the epochs of meta transfer; ``None`` without any."""
        history = self.weight_history
        return {name: sum(epoch[name] for epoch in history) / len(history) for name in history[0]} if history else None

    def opposed_sources(self) -> dict[str, dict[str, int]]:
        """Return how many meta steps each source had, and in how many it wanted the opposite of what the target did."""
        pairs = zip(self.steps.opposed_S.tolist(), self.steps.turns_S.tolist(), strict=True)
        named = zip(self.steps.tasks[1:], pairs, strict=True)
        return {task.name: {"steps": int(turns), "opposed": int(opposed)} for task, (opposed, turns) in named}

    def begin(self, train_data: Any, show_progress: bool) -> Schedule:
        """Load the suite, then warm up or go on from a checkpoint; one to begin from may have the sources already."""
        dataset, settings, features = train_data._dataset, self.model.settings, None
        target, prepared = dataset.domain(), dataset.item_features(self.config)
        self._names: dict[str, list[str]] = {}
        if prepared is None:
            self.suite = load_suite(self.config, target, naming(self._names))
        else:
            self.suite, of_sources = load_with_features(self.config, target, prepared, self._names)
            features = [self.model.features(), *of_sources]
        tasks = make_tasks(self.suite, cast(nn.Parameter, self.model.item_embedding.weight), settings, features)
        self.steps = MetaSteps(self.model.encoder, tasks, settings, self.enable_amp)
        if self._resumed is not None:
            with self.restoring() as state:
                self._restore_steps(state)
        if self._beginning is None or not self._take_over_sources(self._beginning):
            self.prepare(WarmUp(self.steps, settings, self.model.train).phase())
        return make_schedule(self.steps, settings, self.weight_history, self.model.train)

    def sources(self, target: Domain) -> Sequence[Domain]:
        """See `DomainTrainer`."""
        return self.suite.sources

    def source_items(self, state: Mapping[str, Any]) -> dict[str, SourceItems]:
        """See `DomainTrainer`."""
        tables = state["source_tables"]
        vectors = {task.name: self.model.in_space(tables[task.name], task.features) for task in self.steps.tasks[1:]}
        return {name: SourceItems(self._names[name], outputs_ID) for name, (_, outputs_ID) in vectors.items()}

    def _take_over_sources(self, state: Mapping[str, Any]) -> bool:
        """Take over the tables of sources that a checkpoint has as they are; returns whether those are all."""
        file, tasks = self.config["init_from"], {task.name: task for task in self.steps.tasks[1:]}
        with named_when_damaged(file):
            before = state.get("sources", {})
            known = [each.name for each in self.suite.sources if before.get(each.name) == each.fingerprint()]
            tables = {name: state["source_tables"][name] for name in known}
        current = {name: tasks[name].table for name in known}
        check_tensors(file, tables, current)
        with torch.no_grad():
            for name, table in current.items():
                table.copy_(tables[name])
        return len(known) == len(tasks)

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def training_state(self) -> dict[str, Any]:
        """See `DomainTrainer`."""
        steps = self.steps
        return {
            "sources": {domain.name: domain.fingerprint() for domain in self.suite.sources},
            "source_tables": {task.name: task.table.detach() for task in steps.tasks[1:]},
            "inner_rates": [{name: rate.item() for name, rate in rates.items()} for rates in steps.inner_rates],
            "similarities": steps.similarities,
            "weight_history": self.weight_history,
            "steps": steps.count,
            "opposed": steps.opposed_S,
            "turns": steps.turns_S,
            "bad_batches": steps.gate.bad,
        }

    def _restore_steps(self, state: Mapping[str, Any]) -> None:
        """Take over what `training_state` returned."""
        steps = self.steps
        changed = [
            f"{domain.name}: is not the source that it was when the checkpoint was written; no run can go on from there"
            for domain in self.suite.sources
            if state.get("sources", {}).get(domain.name, domain.fingerprint()) != domain.fingerprint()
        ]
        if changed:
            raise UserError(changed)
        tables = {task.name: task.table for task in steps.tasks[1:]}
        check_tensors(str(self._resumed_from), state["source_tables"], tables)
        with torch.no_grad():
            for task in steps.tasks[1:]:
                task.table.copy_(state["source_tables"][task.name])
            for rates, saved in zip(steps.inner_rates, state["inner_rates"], strict=True):
                for name, rate in rates.items():
                    rate.fill_(saved[name])
        steps.similarities.copy_(state["similarities"])
        steps.count = operator.index(state["steps"])
        if "turns" in state:  # which older checkpoints lack
            steps.opposed_S.copy_(state["opposed"])
            steps.turns_S.copy_(state["turns"])
            steps.gate.bad = operator.index(state["bad_batches"])
        self.weight_history = [{name: float(weight) for name, weight in row.items()} for row in state["weight_history"]]


def diagnostics(trainer: MetaRecTrainer) -> dict[str, Any]:
    """Say how sources were weighted and codes are used, as plain values."""
    usage = trainer.model.codebook_usage()
    return {
        "source_weights": trainer.source_weights,
        "weight_history": list(trainer.weight_history),
        "opposed_sources": trainer.opposed_sources(),
        "codebook": None if usage is None else usage._asdict(),
    }
