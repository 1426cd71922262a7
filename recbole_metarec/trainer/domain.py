"""What trainers here share: evaluation by ranks, the joining of memory and repeats, checkpoints of plain values."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.trainer import Trainer
from recbole.utils import calculate_valid_score
from torch import Tensor

from recbole_metarec import checkpoint
from recbole_metarec.config import transfers
from recbole_metarec.data.dataset import DomainDataset
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.ranking import RankCollector, rank_targets
from recbole_metarec.model.recommender import DomainRecommender, PriorWeights
from recbole_metarec.names import check_names

# What `memory_weight: auto` and, relative to the scores' weight, `repeat_items: auto` choose from.
MEMORY_WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0)
REPEAT_PENALTIES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, math.inf)

# Sequences that are ranked, and that are encoded, at a time in evaluation.
RANKED_ROWS, ENCODED_ROWS = 8192, 256

Result = tuple[float, dict[str, float] | None]
"""Best validation score and the metrics with it, as RecBole's ``Trainer.fit`` returns them."""


class DomainTrainer(Trainer):  # type: ignore[misc]
    """RecBole trainer of a `DomainRecommender`; a subclass says how it learns.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration.
    model : DomainRecommender
        The model.
    """

    model: DomainRecommender
    saved_model_file: str

    def __init__(self, config: Any, model: DomainRecommender) -> None:
        super().__init__(config, model)
        variant = "transfer" if transfers(config) else "scratch"
        stem = Path(self.saved_model_file).stem
        # RecBole names checkpoints by the second: two runs that start together would share one.
        name = f"{stem}-{config['dataset']}-{variant}-{config['seed']}-{os.getpid()}.pth"
        self.saved_model_file = str(Path(config["checkpoint_dir"]) / name)
        self.eval_collector = RankCollector(config)
        self._resumed: dict[str, Any] | None = None

    @abstractmethod
    def begin(self, train_data: Any, show_progress: bool) -> None:
        """Load the domains and do what comes before the first epoch on the target."""

    def fit(
        self,
        train_data: Any,
        valid_data: Any = None,
        verbose: bool = True,
        saved: bool = True,
        show_progress: bool = False,
        callback_fn: Callable[[int, float], None] | None = None,
    ) -> Result:
        """Train; see RecBole's ``Trainer.fit`` for parameters and result.

        Raises
        ------
        UserError
            If a domain has no sequence to learn from.
        FloatingPointError
            If the loss or a gradient stops being finite.
        """
        self.begin(train_data, show_progress)
        self.model.memory_weight = 0.0  # early stopping looks at what is learnt
        result: Result = super().fit(train_data, valid_data, verbose, saved, show_progress, callback_fn)
        return self._join_prior(valid_data, saved, result)

    # -- what is joined when training has ended --------------------------------------------------------------------

    def _join_prior(self, valid_data: Any, saved: bool, result: Result) -> Result:
        """Give memory and repeats the weights that are asked for, in the checkpoint, too; return what they bring."""
        model, config, path = self.model, self.config, Path(self.saved_model_file)
        state = self._load_best(path) if saved else None
        if result[1] is None and valid_data is not None:  # resumed, and no better epoch came
            result = result[0], self.evaluate(valid_data, load_best_model=False)
        asked = config["memory_weight"]
        if model.memory is not None:
            weights = MEMORY_WEIGHTS if asked == "auto" else (float(asked),)
            result = self._choose("memory_weight", weights, valid_data, result, default=min(weights, key=_from_one))
        if config["repeat_items"] == "auto" and not config["mask_history"] and valid_data is not None:
            # of those that are equally good the one that the training part suggests
            penalties = [model.repeat_penalty, *(each * (1 + model.memory_weight) for each in REPEAT_PENALTIES)]
            result = self._choose("repeat_penalty", penalties, valid_data, result, default=model.repeat_penalty)
        if state is not None:
            checkpoint.save(path, {**state, "other_parameter": model.other_parameter()})
        return result

    def _choose(self, name: str, values: Sequence[float], valid_data: Any, result: Result, default: float) -> Result:
        """Set an attribute of the model to the value that is best on validation, to the default without any."""
        if valid_data is None:
            setattr(self.model, name, default)
            return result
        values = list(dict.fromkeys(values))
        found = self._evaluate_with(valid_data, [self.model.prior_weights._replace(**{name: each}) for each in values])
        scores = [calculate_valid_score(each, self.valid_metric) for each in found]
        best = (max if self.valid_metric_bigger else min)(range(len(values)), key=scores.__getitem__)
        setattr(self.model, name, values[best])
        return scores[best], found[best]

    def _evaluate_with(self, eval_data: Any, every: Sequence[PriorWeights]) -> list[dict[str, float]]:
        """Evaluate with one pair of weights after the other, where ranks are all that is wanted in one pass."""
        if self._streams(eval_data):
            self.model.eval()
            return [self._metrics(ranks) for ranks in self._rank(eval_data._dataset, every)]
        results = []
        for weights in every:
            self.model.memory_weight, self.model.repeat_penalty = weights
            results.append(self.evaluate(eval_data, load_best_model=False))
        return results

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
        if not self._streams(eval_data):
            return super().evaluate(eval_data, load_best_model, model_file, show_progress)
        if load_best_model:
            self._load_best(Path(model_file or self.saved_model_file))
        self.model.eval()
        result = self._metrics(self._rank(eval_data._dataset, [self.model.prior_weights])[0])
        self.wandblogger.log_eval_metrics(result, head="eval")
        return result

    def _streams(self, eval_data: Any) -> bool:
        full = isinstance(eval_data, FullSortEvalDataLoader) and isinstance(eval_data._dataset, DomainDataset)
        return full and self.eval_collector.wants_ranks_alone and self.config["single_spec"]

    def _metrics(self, ranks: Tensor) -> dict[str, float]:
        self.eval_collector.collect_ranks(ranks)
        found: dict[str, float] = self.evaluator.evaluate(self.eval_collector.get_data_struct())
        return found

    @torch.no_grad()
    def _rank(self, dataset: DomainDataset, every: Sequence[PriorWeights]) -> Tensor:
        """Rank the targets of all rows with each pair of weights, shape (len(every), n_rows)."""
        model, rows = self.model, dataset.inter_feat
        items_ID, lengths = model.catalogue()[1], rows[model.ITEM_SEQ_LEN]
        ranks = torch.zeros(len(every), len(lengths), dtype=torch.long)
        for index in lengths.argsort(stable=True).split(RANKED_ROWS):
            states = []
            for few in index.split(ENCODED_ROWS):
                part = rows[few].shortened(int(lengths[few].max()))
                states.append(model(part[model.ITEM_SEQ].to(self.device), part[model.ITEM_SEQ_LEN].to(self.device)))
            part, states_BD = rows[index], torch.cat(states)
            targets_B, out = part[model.ITEM_ID].to(self.device), self._history(dataset, part)
            joined = partial(self._joined, part, every)
            ranks[:, index] = rank_targets(states_BD, items_ID, targets_B, out, joined).cpu()
        return ranks

    def _history(self, dataset: DomainDataset, part: Any) -> tuple[Tensor, Tensor] | None:
        if not self.config["mask_history"]:
            return None
        row, item = dataset.history(part)
        return row.to(self.device), item.to(self.device)

    def _joined(self, part: Any, every: Sequence[PriorWeights], scores_BI: Tensor, rows: slice) -> Iterator[Tensor]:
        model, few = self.model, part[rows]
        lengths = few[model.ITEM_SEQ_LEN]
        few = few.shortened(int(lengths.max()))
        return model.joined(scores_BI, few[model.ITEM_SEQ].to(self.device), lengths.to(self.device), every)

    # -- checkpoints --------------------------------------------------------------------------------------------

    @abstractmethod
    def training_state(self) -> dict[str, Any]:
        """Return plain values and tensors from which training goes on, beside those of every trainer."""

    @abstractmethod
    def restore_training(self, state: Mapping[str, Any]) -> None:
        """Take over what `training_state` returned, after the model's weights."""

    def own_state(self) -> dict[str, Any]:
        """Return what checkpoints hold beside what those of RecBole's trainers do; see `checkpoint.state_of`."""
        return {"rng": torch.get_rng_state(), **self.training_state()}

    def resume_checkpoint(self, resume_file: str | os.PathLike[str]) -> None:
        """Go on from a checkpoint at the next `fit`; on the CPU, with the numbers of a run that had not stopped.

        Parameters
        ----------
        resume_file : path
            A checkpoint of this trainer, for the same suite; it is overwritten when validation improves.

        Raises
        ------
        UserError
            If the file is none of this package's checkpoints, or one of another model, target or sources.
        """
        state = checkpoint.load(Path(resume_file), self.device)
        checkpoint.check_origin(Path(resume_file), state, self.config)
        check_names(self.model, state)
        self.saved_model_file = str(resume_file)
        self.start_epoch = state["epoch"] + 1
        self.cur_step = state["cur_step"]
        self.best_valid_score = state["best_valid_score"]
        self._resumed = state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a checkpoint: weights, optimizer, random numbers."""
        try:
            self.model.load_state_dict(state["state_dict"])
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError([f"{self.saved_model_file}: was written with settings of other sizes: {reason}"]) from None
        self.restore_training(state)
        torch.set_rng_state(state["rng"].cpu())


def _from_one(weight: float) -> float:
    return abs(weight - 1)
