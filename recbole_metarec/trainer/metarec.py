"""MetaRec's training: warm-up on the sources, meta transfer guided by the target, fine-tuning on the target."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from recbole.trainer import Trainer
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import clip_grad_norm_
from tqdm import tqdm

from recbole_metarec.config import to_plain
from recbole_metarec.data.domain import DomainSuite
from recbole_metarec.data.windows import WindowBatch
from recbole_metarec.model.metarec import MetaRec
from recbole_metarec.trainer import checkpoint
from recbole_metarec.trainer.tasks import DomainTask, load_suite, make_tasks
from recbole_metarec.transfer.meta import combine, source_gradient

Phase = Literal["meta transfer", "fine-tuning"]

# Steps between two searches for dead codes.
REVIVE_EVERY = 50


class MetaRecTrainer(Trainer):  # type: ignore[misc]
    """RecBole trainer of `MetaRec`.

    Without source domains it trains from scratch: fine-tuning alone, for as many epochs.

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
    weight_history : list of dict
        Source weights (by name) of each epoch of meta transfer, averaged over its steps.
    """

    model: MetaRec
    suite: DomainSuite
    saved_model_file: str

    def __init__(self, config: Any, model: MetaRec) -> None:
        super().__init__(config, model)
        variant = "transfer" if config["source_datasets"] else "scratch"
        stem = Path(self.saved_model_file).stem
        # RecBole names checkpoints by the second: two runs that start together would share one.
        name = f"{stem}-{config['dataset']}-{variant}-{config['seed']}-{os.getpid()}.pth"
        self.saved_model_file = str(Path(config["checkpoint_dir"]) / name)
        self.tasks: list[DomainTask] = []
        self.similarities: Tensor | None = None
        self.inner_rates: list[dict[str, Tensor]] = []
        self.weight_history: list[dict[str, float]] = []
        self._phase: Phase | None = None
        self._steps = 0
        self._resumed: dict[str, Any] | None = None

    # -- set-up -------------------------------------------------------------------------------------------------

    def fit(
        self,
        train_data: Any,
        valid_data: Any = None,
        verbose: bool = True,
        saved: bool = True,
        show_progress: bool = False,
        callback_fn: Callable[[int, float], None] | None = None,
    ) -> tuple[float, dict[str, float] | None]:
        """Train; see RecBole's ``Trainer.fit`` for parameters and result.

        Raises
        ------
        UserError
            If a domain has no sequence to learn from.
        FloatingPointError
            If the loss or a gradient stops being finite.
        """
        self.suite = load_suite(self.config, train_data._dataset.domain())
        self._make_tasks()
        if self._resumed is not None:
            self._restore(self._resumed)
        elif self.suite.sources:
            self._warm_up(show_progress)
        result: tuple[float, dict[str, float] | None] = super().fit(
            train_data, valid_data, verbose, saved, show_progress, callback_fn
        )
        return result

    def _make_tasks(self) -> None:
        config = self.config
        self.tasks = make_tasks(self.suite, cast(nn.Parameter, self.model.item_embedding.weight), config)
        if self.model.encoder.quantizer is not None:
            with torch.no_grad():
                every_item = torch.cat([task.table[1:] for task in self.tasks])
            generator = torch.Generator().manual_seed(config["seed"])
            self.model.encoder.quantizer.revive(every_item, torch.inf, generator)
        rate = torch.tensor(config["inner_learning_rate"], device=self.device)
        self.inner_rates = [
            {name: rate.clone().requires_grad_(config["learn_inner_rates"]) for name, _ in self._theta().items()}
            for _ in range(config["inner_steps"])
        ]

    def _theta(self) -> dict[str, Tensor]:
        return dict(self.model.encoder.named_parameters())

    # -- phases -------------------------------------------------------------------------------------------------

    def _warm_up(self, show_progress: bool) -> None:
        epochs, sources = self.config["warmup_epochs"], self.tasks[1:]
        if not epochs:
            return
        self._build_phase_optimizer(task.table for task in sources)
        plan = np.concatenate([np.full(len(task.windows), i) for i, task in enumerate(sources)])
        self.model.train()
        hidden = None if show_progress else True  # None: unless it is a terminal
        with tqdm(total=epochs * len(plan), desc="warm-up on the sources", disable=hidden) as bar:
            for epoch in range(epochs):
                taken = [0] * len(sources)
                for i in np.random.default_rng((self.config["seed"], epoch)).permutation(plan):
                    self._plain_step(sources[i], epoch, taken[i])
                    taken[i] += 1
                    bar.update()

    def _train_epoch(
        self, train_data: Any, epoch_idx: int, loss_func: Any = None, show_progress: bool = False
    ) -> float:
        self._enter(epoch_idx)
        self.model.train()
        target = self.tasks[0]
        step = self._meta_step if self._phase == "meta transfer" else self._fine_tune_step
        weights: list[Tensor] = []
        total = torch.zeros((), device=self.device)
        steps = tqdm(
            range(len(target.windows)),
            desc=f"{self._phase}, epoch {epoch_idx + 1}",
            disable=None if show_progress else True,
            leave=False,
            delay=2,
        )
        for number in steps:
            total += step(epoch_idx, number, weights)
        if weights:
            mean = torch.stack(weights).mean(0).tolist()
            self.weight_history.append({task.name: w for task, w in zip(self.tasks[1:], mean, strict=True)})
        return float(total) / len(target.windows)

    def _enter(self, epoch: int) -> None:
        phase: Phase = "meta transfer" if self.suite.sources and epoch < self.config["meta_epochs"] else "fine-tuning"
        if phase == "meta transfer":
            self.cur_step = -1  # no miss may end it: patience counts in fine-tuning only
        if phase != self._phase:
            self._phase = phase
            sources = self.tasks[1:] if phase == "meta transfer" else []
            self._build_phase_optimizer(task.table for task in [self.tasks[0], *sources])

    def _build_phase_optimizer(self, tables: Iterator[nn.Parameter]) -> None:
        self.optimizer = self._build_optimizer(params=[*self._theta().values(), *tables])

    # -- steps --------------------------------------------------------------------------------------------------

    def _loss(self, task: DomainTask, epoch: int, step: int, second_order: bool = False) -> Callable[..., Tensor]:
        batch, negatives = task.draw(epoch, step)

        def loss(theta: Mapping[str, Tensor], table: Tensor) -> Tensor:
            arguments = (table, batch.inputs, batch.targets, negatives, second_order)
            with torch.autocast(self.device.type, enabled=self.enable_amp):
                value: Tensor = functional_call(self.model.encoder, dict(theta), arguments)
            return value

        self._note_items(task, batch)
        return loss

    def _plain_step(self, task: DomainTask, epoch: int, step: int) -> Tensor:
        self.optimizer.zero_grad()
        loss = self._loss(task, epoch, step)(self._theta(), task.table)
        loss.backward()
        self._update(loss.detach(), task.name)
        return loss.detach()

    def _fine_tune_step(self, epoch: int, step: int, _: list[Tensor]) -> Tensor:
        return self._plain_step(self.tasks[0], epoch, step)

    def _meta_step(self, epoch: int, step: int, weights: list[Tensor]) -> Tensor:
        config, theta = self.config, self._theta()
        target, sources = self.tasks[0], self._sources_of_step(epoch, step)
        target_loss = self._loss(target, epoch, step, config["second_order"])
        gradients = [
            source_gradient(
                self._loss(source, config["warmup_epochs"], self._steps, config["second_order"]),
                target_loss,
                theta,
                source.table,
                target.table,
                self.inner_rates,
                second_order=config["second_order"],
                scope=config["similarity_scope"],
            )
            for source in sources.values()
        ]
        found = torch.stack([gradient.similarity for gradient in gradients])
        meta = combine(
            gradients,
            self._smooth(list(sources), found),
            temperature=config["temperature"],
            source_share=config["source_share"],
        )
        self.optimizer.zero_grad()
        for name, parameter in theta.items():
            parameter.grad = meta.theta[name]
        target.table.grad = meta.table
        for source, gradient in zip(sources.values(), gradients, strict=True):
            source.table.grad = gradient.source_table
        self._update(meta.loss, target.name)
        self._learn_rates(meta.rates)
        spread = torch.zeros(len(self.tasks) - 1, device=self.device)
        spread[list(sources)] = meta.weights
        weights.append(spread)
        return meta.loss

    def _sources_of_step(self, epoch: int, step: int) -> dict[int, DomainTask]:
        sources = self.tasks[1:]
        number = self.config["sources_per_step"] or len(sources)
        rng = np.random.default_rng((self.config["seed"], epoch, step))
        chosen = sorted(rng.choice(len(sources), min(number, len(sources)), replace=False).tolist())
        return {i: sources[i] for i in chosen}

    def _smooth(self, chosen: list[int], found: Tensor) -> Tensor:
        if self.similarities is None:
            self.similarities = torch.full((len(self.tasks) - 1,), torch.nan, device=self.device)
        before = self.similarities[chosen]
        smooth = torch.where(before.isnan(), found, torch.lerp(found, before, self.config["similarity_smoothing"]))
        self.similarities[chosen] = smooth
        return smooth

    def _learn_rates(self, gradients: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, gradient in gradients.items():
                k, _, parameter = name.partition(".")
                rate = self.inner_rates[int(k)][parameter]
                rate.sub_(self.config["inner_rate_learning_rate"] * gradient).clamp_(min=0)

    def _update(self, loss: Tensor, name: str) -> None:
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = clip_grad_norm_(parameters, **(self.clip_grad_norm or {"max_norm": torch.inf}))
        if not torch.isfinite(norm + loss):
            raise FloatingPointError(
                f"loss {float(loss)} or gradient norm {float(norm)} is not finite at step {self._steps} on {name}; "
                "lower learning_rate or inner_learning_rate, or set clip_grad_norm"
            )
        self.optimizer.step()
        self._steps += 1
        quantizer = self.model.encoder.quantizer
        if quantizer is not None and self._steps % REVIVE_EVERY == 0 and self.config["dead_code_threshold"]:
            tables = torch.cat([task.table.detach()[1:] for task in self._active_tasks()])
            generator = torch.Generator().manual_seed(self.config["seed"] + self._steps)
            quantizer.revive(tables, self.config["dead_code_threshold"], generator)

    def _active_tasks(self) -> list[DomainTask]:
        return self.tasks[:1] if self._phase == "fine-tuning" else self.tasks

    def _note_items(self, task: DomainTask, batch: WindowBatch) -> None:
        quantizer = self.model.encoder.quantizer
        if quantizer is not None:
            quantizer.update(task.table[batch.targets[batch.targets > 0]])

    # -- checkpoints --------------------------------------------------------------------------------------------

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **options: Any) -> None:
        path = Path(options.pop("saved_model_file", self.saved_model_file))
        state = {
            "config": to_plain(self.config),
            "epoch": epoch,
            "cur_step": self.cur_step,
            "best_valid_score": float(self.best_valid_score),
            "state_dict": self.model.state_dict(),
            "other_parameter": self.model.other_parameter(),
            "optimizer": self.optimizer.state_dict(),
            "source_tables": {task.name: task.table.detach() for task in self.tasks[1:]},
            "inner_rates": [{name: rate.item() for name, rate in rates.items()} for rates in self.inner_rates],
            "similarities": self.similarities,
            "weight_history": self.weight_history,
            "steps": self._steps,
            "rng": torch.get_rng_state(),
        }
        checkpoint.save(path, state)
        if verbose:
            self.logger.info(f"Saving current: {path}")

    def resume_checkpoint(self, resume_file: str | os.PathLike[str]) -> None:
        """Go on from a checkpoint at the next `fit`; on the CPU, with the numbers of a run that had not stopped.

        Parameters
        ----------
        resume_file : path
            A checkpoint of this trainer, for the same suite; it is overwritten when validation improves.

        Raises
        ------
        UserError
            If the file is none of this package's checkpoints.
        """
        state = checkpoint.load(Path(resume_file), self.device)
        self.saved_model_file = str(resume_file)
        self.start_epoch = state["epoch"] + 1
        self.cur_step = state["cur_step"]
        self.best_valid_score = state["best_valid_score"]
        self._resumed = state

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["state_dict"])
        with torch.no_grad():
            for task in self.tasks[1:]:
                task.table.copy_(state["source_tables"][task.name])
            for rates, saved in zip(self.inner_rates, state["inner_rates"], strict=True):
                for name, rate in rates.items():
                    rate.fill_(saved[name])
        self.similarities = state["similarities"]
        self.weight_history = list(state["weight_history"])
        self._steps = state["steps"]
        if state["epoch"] >= 0:
            self._enter(state["epoch"])
            self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"].cpu())
