"""What trainers here share: evaluation by ranks, the joining of memory and repeats, checkpoints of plain values."""

from __future__ import annotations

import math
import os
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.trainer import Trainer
from recbole.utils import calculate_valid_score
from torch import Tensor

from recbole_metarec.bridge.candidates import FixedSampler
from recbole_metarec.bridge.checkpoint import check_origin
from recbole_metarec.bridge.collector import RankCollector
from recbole_metarec.bridge.config import variant_of
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.recommender import DomainRecommender, PriorWeights
from recbole_metarec.evaluation.choice import simplest_as_good
from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks, rank_targets
from recbole_metarec.evaluation.targets import Ranks, Targets
from recbole_metarec.training import checkpoint

# What `memory_weight: auto` and, relative to the scores' weight, `repeat_items: auto` choose from. The first ends with
# what is learnt alone and the memory alone, so that nothing lies beyond.
MEMORY_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, math.inf)
REPEAT_PENALTIES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, math.inf)

# Sequences that are ranked, and that are encoded, at a time in evaluation.
RANKED_ROWS, ENCODED_ROWS = 8192, 256

Result = tuple[float, dict[str, float] | None]
"""Best validation score and the metrics with it, as RecBole's ``Trainer.fit`` returns them."""


class Evaluated(NamedTuple):
    """What an evaluation found.

    Attributes
    ----------
    metrics : dict of str to float
        As RecBole names them.
    targets : Targets or None
    ranks : int64 array, shape (n_rows,), or None
        See `RankCollector`.
    """

    metrics: dict[str, float]
    targets: Targets | None
    ranks: Ranks | None


class DomainTrainer(Trainer):  # type: ignore[misc]
    """RecBole trainer of a `DomainRecommender`; a subclass says how it learns.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration.
    model : DomainRecommender
        The model.

    Attributes
    ----------
    validated : Evaluated or None
        What the trained model, all joined, finds in validation.
    """

    model: DomainRecommender
    saved_model_file: str
    validated: Evaluated | None = None

    def __init__(self, config: Any, model: DomainRecommender) -> None:
        super().__init__(config, model)
        variant = variant_of(config)
        # RecBole names checkpoints by the second: two runs that start together would share one.
        parts = (Path(self.saved_model_file).stem, config["dataset"], variant, config["seed"], os.getpid())
        name = f"{'-'.join(str(part) for part in parts if part is not None)}.pth"
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
        valid_data = valid_data or None  # RecBole makes a loader without rows where a split has no validation
        self.begin(train_data, show_progress)
        with self._kept(saved):
            result = self.run_epochs(train_data, valid_data, verbose, show_progress, callback_fn)
            return self._join_prior(valid_data, result)

    def run_epochs(self, train_data: Any, valid_data: Any, verbose: bool, show_progress: bool, told: Any) -> Result:
        """Train epoch by epoch, the best of them in the checkpoint; ``told`` is RecBole's ``callback_fn``."""
        self.model.memory_weight = 0.0  # early stopping looks at what is learnt
        result: Result = super().fit(train_data, valid_data, verbose, True, show_progress, told)
        return result

    @contextmanager
    def _kept(self, saved: bool) -> Iterator[None]:
        """Let checkpoints of training go to a folder that vanishes, unless they are to be saved."""
        if saved:
            yield
            return
        path = self.saved_model_file
        with tempfile.TemporaryDirectory() as folder:
            self.saved_model_file = str(Path(folder) / Path(path).name)
            if self._resumed is not None:  # perhaps no later epoch is better
                checkpoint.save(Path(self.saved_model_file), self._resumed)
            try:
                yield
            finally:
                self.saved_model_file = path

    # -- what is joined when training has ended --------------------------------------------------------------------

    def _join_prior(self, valid_data: Any, result: Result) -> Result:
        """Give memory and repeats the weights that are asked for, in the checkpoint, too; return what they bring."""
        model, config, path = self.model, self.config, Path(self.saved_model_file)
        state = self._load_best(path)
        if result[1] is None and valid_data is not None:  # resumed, and no better epoch came
            result = result[0], self.evaluate(valid_data, load_best_model=False)
        asked = config["memory_weight"]
        if model.memory is not None and not model.is_memory_alone:
            # of what is as good the weight nearest to that of what is learnt
            weights = sorted(MEMORY_WEIGHTS, key=from_one) if asked == "auto" else [float(asked)]
            result = self._choose("memory_weight", weights, valid_data, result)
        if config["repeat_items"] == "auto" and not config["mask_history"]:
            # of what is as good the penalty nearest to what the training part suggests
            scale = 1 + model.memory_weight if math.isfinite(model.memory_weight) else 1.0
            penalties = sorted({each * scale for each in REPEAT_PENALTIES}, reverse=model.repeat_penalty > 0)
            result = self._choose("repeat_penalty", penalties, valid_data, result)
        if self.validated is None and valid_data is not None:
            self.validated = self._evaluate_with(valid_data, [model.prior_weights])[0]
        checkpoint.save(path, {**state, "other_parameter": model.other_parameter()})
        return result

    def _choose(self, name: str, values: Sequence[float], valid_data: Any, result: Result) -> Result:
        """Set an attribute of the model to the first value that is as good as the best on validation.

        Where the metric is no mean over rows, to the best; without validation, to the first.
        """
        if valid_data is None:
            setattr(self.model, name, values[0])
            return result
        found = self._evaluate_with(valid_data, [self.model.prior_weights._replace(**{name: each}) for each in values])
        scores = [calculate_valid_score(each.metrics, self.valid_metric) for each in found]
        first, metric = found[0], self.config["valid_metric"]
        if first.targets is not None and is_of_ranks(metric):
            values_VN = np.stack([metric_of_ranks(metric, each.ranks) for each in found if each.ranks is not None])
            chosen = simplest_as_good(values_VN, first.targets.user_numbers())
        else:
            chosen = (max if self.valid_metric_bigger else min)(range(len(values)), key=scores.__getitem__)
        setattr(self.model, name, values[chosen])
        self.validated = found[chosen]
        return scores[chosen], found[chosen].metrics

    def _evaluate_with(self, eval_data: Any, every: Sequence[PriorWeights]) -> list[Evaluated]:
        """Evaluate with one pair of weights after the other, where ranks are all that is wanted in one pass."""
        collector = self.eval_collector
        if self._streams(eval_data):
            self.model.eval()
            found = []
            for ranks in self._rank(eval_data, every):
                metrics = self._metrics(eval_data._dataset, ranks)
                found.append(Evaluated(metrics, collector.targets, collector.ranks))
            return found
        found = []
        for weights in every:
            self.model.memory_weight, self.model.repeat_penalty = weights
            metrics = self.evaluate(eval_data, load_best_model=False)
            found.append(Evaluated(metrics, collector.targets, collector.ranks))
        return found

    def _load_best(self, path: Path) -> dict[str, Any]:
        state = checkpoint.load(path, self.device)
        with checkpoint.named_when_damaged(path):
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

        Where the metrics are functions of ranks, the catalogue is encoded once, sequences of like
        length together, and no matrix of users by items is held.
        """
        if not self._streams(eval_data):
            return super().evaluate(eval_data, load_best_model, model_file, show_progress)
        if load_best_model:
            self._load_best(Path(model_file or self.saved_model_file))
        self.model.eval()
        result = self._metrics(eval_data._dataset, self._rank(eval_data, [self.model.prior_weights])[0])
        self.wandblogger.log_eval_metrics(result, head="eval")
        return result

    def _streams(self, eval_data: Any) -> bool:
        known = isinstance(eval_data, FullSortEvalDataLoader) or isinstance(eval_data._sampler, FixedSampler)
        ours = known and isinstance(eval_data._dataset, DomainDataset)
        return ours and self.eval_collector.wants_ranks_alone and self.config["single_spec"]

    def _metrics(self, dataset: DomainDataset, ranks: Tensor) -> dict[str, float]:
        rows = dataset.inter_feat
        self.eval_collector.collect_ranks(rows[dataset.uid_field], rows[dataset.iid_field], ranks)
        found: dict[str, float] = self.evaluator.evaluate(self.eval_collector.get_data_struct())
        return found

    @torch.no_grad()
    def _rank(self, eval_data: Any, every: Sequence[PriorWeights]) -> Tensor:
        """Rank the targets of all rows with each pair of weights, shape (len(every), n_rows)."""
        model, dataset = self.model, eval_data._dataset
        rows = dataset.inter_feat
        items_ID, lengths = model.catalogue()[1], rows[model.ITEM_SEQ_LEN]
        ranks = torch.zeros(len(every), len(lengths), dtype=torch.long)
        for index in lengths.argsort(stable=True).split(RANKED_ROWS):
            states = []
            for few in index.split(ENCODED_ROWS):
                part = rows[few].shortened(int(lengths[few].max()))
                states.append(model(part[model.ITEM_SEQ].to(self.device), part[model.ITEM_SEQ_LEN].to(self.device)))
            part, states_BD = rows[index], torch.cat(states)
            targets_B, out = part[model.ITEM_ID].to(self.device), self._history(dataset, part)
            sampled_BC = self._sampled(eval_data, part)
            joined = partial(self._joined, part, every)
            ranks[:, index] = rank_targets(states_BD, items_ID, targets_B, out, sampled_BC, joined).cpu()
        return ranks

    def _history(self, dataset: DomainDataset, part: Any) -> tuple[Tensor, Tensor] | None:
        if not self.config["mask_history"]:
            return None
        row, item = dataset.history(part)
        return row.to(self.device), item.to(self.device)

    def _sampled(self, eval_data: Any, part: Any) -> Tensor | None:
        if isinstance(eval_data, FullSortEvalDataLoader):
            return None
        users, items = part[self.model.USER_ID], part[self.model.ITEM_ID]
        n_sampled = eval_data.neg_sample_args["sample_num"]
        found: Tensor = eval_data._sampler.of_targets(users, items, n_sampled).to(self.device)
        return found

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
        """Return what checkpoints hold beside what those of RecBole's trainers do; see `bridge.checkpoint.state_of`."""
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
            If the file is damaged, none of this package's checkpoints, or one of another model, target or sources.
        """
        state = checkpoint.load(Path(resume_file), self.device)
        check_origin(Path(resume_file), state, self.config)
        self.model.load_state_dict(state["state_dict"])  # refuses what does not fit, before sources are read
        self.saved_model_file = str(resume_file)
        self.start_epoch = state["epoch"] + 1
        self.cur_step = state["cur_step"]
        self.best_valid_score = state["best_valid_score"]
        self._resumed = state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a checkpoint: weights, optimizer, random numbers."""
        self.model.load_state_dict(state["state_dict"])
        with checkpoint.named_when_damaged(self.saved_model_file):
            self.restore_training(state)
            torch.set_rng_state(state["rng"].cpu())


def from_one(weight: float) -> float:
    """Return how far a weight is from 1 on a scale of ratios; the memory alone and no memory are farthest."""
    return abs(math.log(weight)) if 0 < weight < math.inf else math.inf
