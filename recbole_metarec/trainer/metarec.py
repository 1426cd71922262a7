"""MetaRec's training: warm-up on the sources, meta transfer guided by the target, fine-tuning on the target."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.trainer import Trainer
from recbole.utils import calculate_valid_score
from torch import Tensor, nn
from tqdm import tqdm

from recbole_metarec.config import to_plain
from recbole_metarec.data.dataset import DomainDataset
from recbole_metarec.data.domain import DomainSuite
from recbole_metarec.evaluation.ranking import RankCollector, rank_targets
from recbole_metarec.model.metarec import MetaRec
from recbole_metarec.trainer import checkpoint
from recbole_metarec.trainer.learner import Learner
from recbole_metarec.trainer.tasks import load_suite, make_tasks

Phase = Literal["meta transfer", "fine-tuning"]

# What `memory_weight: auto` chooses from.
MEMORY_WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0)

# Sequences that are ranked, and that are encoded, at a time in evaluation.
RANKED_ROWS, ENCODED_ROWS = 8192, 256


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
    learner : Learner
        What takes the steps, likewise.
    weight_history : list of dict
        Source weights (by name) of each epoch of meta transfer, averaged over its steps.
    """

    model: MetaRec
    suite: DomainSuite
    learner: Learner
    saved_model_file: str

    def __init__(self, config: Any, model: MetaRec) -> None:
        super().__init__(config, model)
        variant = "transfer" if config["source_datasets"] else "scratch"
        stem = Path(self.saved_model_file).stem
        # RecBole names checkpoints by the second: two runs that start together would share one.
        name = f"{stem}-{config['dataset']}-{variant}-{config['seed']}-{os.getpid()}.pth"
        self.saved_model_file = str(Path(config["checkpoint_dir"]) / name)
        self.eval_collector = RankCollector(config)
        self.weight_history: list[dict[str, float]] = []
        self._phase: Phase | None = None
        self._resumed: dict[str, Any] | None = None

    @property
    def source_weights(self) -> dict[str, float] | None:
        """Mean weight of each source over the epochs of meta transfer; ``None`` without any."""
        history = self.weight_history
        return {name: sum(epoch[name] for epoch in history) / len(history) for name in history[0]} if history else None

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
        tasks = make_tasks(self.suite, cast(nn.Parameter, self.model.item_embedding.weight), self.config)
        self.learner = Learner(self.model.encoder, tasks, self.config, self.enable_amp)
        if self._resumed is not None:
            self._restore(self._resumed)
        elif self.suite.sources:
            self._warm_up(show_progress)
        self.model.memory_weight = 0.0  # early stopping looks at what is learnt
        result: tuple[float, dict[str, float] | None] = super().fit(
            train_data, valid_data, verbose, saved, show_progress, callback_fn
        )
        joined = self._join_memory(valid_data, saved) if self.model.memory is not None else None
        return joined or result

    # -- phases -------------------------------------------------------------------------------------------------

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
        self.learner.check()

    def _train_epoch(
        self, train_data: Any, epoch_idx: int, loss_func: Any = None, show_progress: bool = False
    ) -> float:
        self._enter(epoch_idx)
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
        learner.check()
        if weights:
            mean = torch.stack(weights).mean(0).tolist()
            self.weight_history.append({task.name: w for task, w in zip(sources, mean, strict=True)})
        return float(total) / len(target.windows)

    def _enter(self, epoch: int) -> None:
        phase: Phase = "meta transfer" if self.suite.sources and epoch < self.config["meta_epochs"] else "fine-tuning"
        if phase == "meta transfer":
            self.cur_step = -1  # no miss may end it: patience counts in fine-tuning only
        if phase != self._phase:
            self._phase = phase
            self.learner.learn(self.learner.tasks if phase == "meta transfer" else self.learner.tasks[:1])
            self.optimizer = self.learner.optimizer

    def _join_memory(self, valid_data: Any, saved: bool) -> tuple[float, dict[str, float]] | None:
        """Give the memory the weight that is asked for, in the checkpoint, too; return what it brings on validation."""
        model, path, asked = self.model, Path(self.saved_model_file), self.config["memory_weight"]
        state = self._load_best(path) if saved else None
        weights = MEMORY_WEIGHTS if asked == "auto" else (float(asked),)
        best = None
        if valid_data is None:
            model.memory_weight = 1.0 if asked == "auto" else weights[0]
        else:
            results: dict[float, dict[str, float]] = {}
            for weight in weights:
                model.memory_weight = weight
                results[weight] = self.evaluate(valid_data, load_best_model=False)
            scores = {weight: calculate_valid_score(result, self.valid_metric) for weight, result in results.items()}
            model.memory_weight = (max if self.valid_metric_bigger else min)(scores, key=scores.__getitem__)
            best = scores[model.memory_weight], results[model.memory_weight]
        if state is not None:
            checkpoint.save(path, {**state, "other_parameter": model.other_parameter()})
        return best

    def _load_best(self, path: Path) -> dict[str, Any]:
        state = checkpoint.load(path, self.device)
        self.model.load_state_dict(state["state_dict"])
        self.model.load_other_parameter(state["other_parameter"])
        return state

    # -- evaluation ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(
        self,
        eval_data: Any,
        load_best_model: bool = True,
        model_file: str | None = None,
        show_progress: bool = False,
    ) -> Any:
        """Evaluate; see RecBole's ``Trainer.evaluate``.

        Where the metrics are functions of ranks in a full ranking, the catalogue is encoded once, sequences of like
        length together, and no matrix of users by items is held.
        """
        full = isinstance(eval_data, FullSortEvalDataLoader) and isinstance(eval_data._dataset, DomainDataset)
        if not (full and self.eval_collector.wants_ranks_alone and self.config["single_spec"]):
            return super().evaluate(eval_data, load_best_model, model_file, show_progress)
        if load_best_model:
            self._load_best(Path(model_file or self.saved_model_file))
        self.model.eval()
        self.eval_collector.collect_ranks(self._rank(eval_data._dataset))
        result = self.evaluator.evaluate(self.eval_collector.get_data_struct())
        self.wandblogger.log_eval_metrics(result, head="eval")
        return result

    def _rank(self, dataset: DomainDataset) -> Tensor:
        model, rows = self.model, dataset.inter_feat
        items_ID, lengths = model.catalogue()[1], rows[model.ITEM_SEQ_LEN]
        ranks = torch.zeros(len(lengths), dtype=torch.long)
        for index in lengths.argsort(stable=True).split(RANKED_ROWS):
            states = []
            for few in index.split(ENCODED_ROWS):
                part = rows[few].shortened(int(lengths[few].max()))
                states.append(model(part[model.ITEM_SEQ].to(self.device), part[model.ITEM_SEQ_LEN].to(self.device)))
            part, states_BD = rows[index], torch.cat(states)
            targets_B, out = part[model.ITEM_ID].to(self.device), self._no_candidates(dataset, part)
            ranks[index] = rank_targets(states_BD, items_ID, targets_B, out, partial(self._prior, part)).cpu()
        return ranks

    def _no_candidates(self, dataset: DomainDataset, part: Any) -> tuple[Tensor, Tensor] | None:
        if self.config["mask_history"]:
            row, item = dataset.history(part)
        elif not self.model.repeats:
            sequences = part.shortened(int(part[self.model.ITEM_SEQ_LEN].max()))[self.model.ITEM_SEQ]
            row, column = sequences.nonzero(as_tuple=True)
            item = sequences[row, column]
        else:
            return None
        return row.to(self.device), item.to(self.device)

    def _prior(self, part: Any, rows: slice) -> Tensor | None:
        model, few = self.model, part[rows]
        lengths = few[model.ITEM_SEQ_LEN]
        few = few.shortened(int(lengths.max()))
        return model.prior(few[model.ITEM_SEQ].to(self.device), lengths.to(self.device))

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
            "source_tables": {task.name: task.table.detach() for task in self.learner.tasks[1:]},
            "inner_rates": [{name: rate.item() for name, rate in rates.items()} for rates in self.learner.inner_rates],
            "similarities": self.learner.similarities,
            "weight_history": self.weight_history,
            "steps": self.learner.steps,
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
        learner = self.learner
        with torch.no_grad():
            for task in learner.tasks[1:]:
                task.table.copy_(state["source_tables"][task.name])
            for rates, saved in zip(learner.inner_rates, state["inner_rates"], strict=True):
                for name, rate in rates.items():
                    rate.fill_(saved[name])
        learner.similarities = state["similarities"]
        learner.steps = state["steps"]
        self.weight_history = list(state["weight_history"])
        if state["epoch"] >= 0:
            self._enter(state["epoch"])
            self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"].cpu())
