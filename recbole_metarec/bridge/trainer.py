"""RecBole's trainer as a host of this package's schedules: its signatures, its log, its checkpoints."""

from __future__ import annotations

import os
import tempfile
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from recbole.config import Config
from recbole.trainer import Trainer
from recbole.utils import calculate_valid_score, dict2str, set_color
from torch import Tensor

from recbole_metarec.bridge.beginning import take_over
from recbole_metarec.bridge.checkpoint import state_of
from recbole_metarec.bridge.collector import RankCollector
from recbole_metarec.bridge.config import variant_of
from recbole_metarec.bridge.history import ranked_both_ways, ranks_both_ways
from recbole_metarec.bridge.inference import section_of
from recbole_metarec.bridge.ranks import can_stream, encode, stream_ranks
from recbole_metarec.bridge.recommender import DomainRecommender
from recbole_metarec.bridge.suite import load_suite
from recbole_metarec.configuration.checkpoints import check_origin, load_beginning
from recbole_metarec.domains.domain import Domain
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.targets import Ranks, Targets
from recbole_metarec.evidence.learning import HeldOut, Learnt, learn_weighing
from recbole_metarec.evidence.tuning import Trial, tune
from recbole_metarec.evidence.weights import EvidenceWeights
from recbole_metarec.files import unused, writes
from recbole_metarec.inference.section import SourceItems
from recbole_metarec.training import checkpoint, world
from recbole_metarec.training.form import SUFFIX, named_when_damaged
from recbole_metarec.training.last_state import LastStates
from recbole_metarec.training.optimizer import TableOptimizer
from recbole_metarec.training.patience import Patience
from recbole_metarec.training.randomness import random_state, set_random_state
from recbole_metarec.training.runner import Position, Runner, Start
from recbole_metarec.training.schedule import Phase, Schedule

Result = tuple[float, dict[str, float] | None]
"""Best validation score and the metrics with it, as RecBole's ``Trainer.fit`` returns them."""


class Evaluated(NamedTuple):
    """What an evaluation found.

    Attributes
    ----------
    metrics : dict of str to float
        As RecBole names them.
    targets : Targets or None
    ranks, other_ranks : int64 array, shape (n_rows,), or None
        See `RankCollector`.
    """

    metrics: dict[str, float]
    targets: Targets | None
    ranks: Ranks | None
    other_ranks: Ranks | None = None


class DomainTrainer(Trainer):  # type: ignore[misc]
    """RecBole trainer of a `DomainRecommender`; a subclass says by which schedule it learns.

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
    learnt : Learnt or None
        Where the weights of evidence that knows the clock come from.
    last : LastStates or None
        Where the last states go to from which the run can go on; ``None`` keeps none.
    scores : list of float
        Validation score of each evaluation.
    is_preparing : bool
        Whether it is in a phase that comes before those on the target, or goes on within one.
    """

    model: DomainRecommender
    saved_model_file: str
    validated: Evaluated | None = None
    learnt: Learnt | None = None
    last: LastStates | None = None
    is_preparing = False

    def __init__(self, config: Config, model: DomainRecommender) -> None:
        if not config["single_spec"]:
            raise UserError([f"nproc: RecBole's own processes cannot train {config['model']}; start with torchrun"])
        super().__init__(config, model)
        variant = variant_of(config)
        # RecBole names checkpoints by the second: two runs that start together would share one.
        parts = (Path(self.saved_model_file).stem, config["dataset"], variant, config["seed"], os.getpid())
        stem = "-".join(str(part) for part in parts if part is not None)
        free = unused(Path(config["checkpoint_dir"]) / f"{stem}{SUFFIX}")
        self.saved_model_file = world.of_first(str(free))
        self.eval_collector = RankCollector(config)
        self._masks_history = bool(config["mask_history"])
        self.scores: list[float] = []
        self._resumed: dict[str, Any] | None = None
        self._start: Start | None = None
        self._prepared: list[float] = []
        self._beginning: dict[str, Any] | None = None
        self._valid_data: Any = None
        self._told: Callable[[int, float], None] | None = None
        self._verbose = self._show_progress = False

    @abstractmethod
    def begin(self, train_data: Any, show_progress: bool) -> Schedule:
        """Load the domains, do what comes before the first epoch on the target, and return the schedule of the rest."""

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
        self._valid_data = valid_data or None  # RecBole makes a loader without rows where a split has no validation
        self._told, self._verbose, self._show_progress = callback_fn, verbose, show_progress
        beginning = self.config["init_from"]
        if beginning and self._resumed is None:
            self._beginning = load_beginning(beginning, self.config["model"])
            take_over(self.model, self._beginning, beginning)
        schedule = self.begin(train_data, show_progress)
        with self._kept(saved):
            self._run(schedule, train_data)
            return self._finish(train_data)

    def _run(self, schedule: Schedule, train_data: Any) -> None:
        """Train epoch by epoch, the best of them in the checkpoint."""
        evidence = self.model.evidence
        if not evidence.alone:  # early stopping looks at what is learnt
            evidence.weights = evidence.weights._replace(memory_weight=0.0, timed=None)
        self._untuned = evidence.weights
        if self.start_epoch >= schedule.epochs:
            self._save_checkpoint(-1 if schedule.epochs else 0, verbose=self._verbose)
        self.eval_collector.data_collect(train_data)
        patience = Patience(self.stopping_step, self.valid_metric_bigger, self.best_valid_score, self.cur_step)
        eval_step = self.eval_step if self._valid_data is not None else None
        Runner(self, self._show_progress).run(schedule, patience, eval_step, self._start)
        if schedule.epochs:
            self._add_hparam_to_tensorboard(self.best_valid_score)

    # -- what goes on from a state ------------------------------------------------------------------------------------

    def prepare(self, phase: Phase) -> list[float]:
        """Run a phase that comes before those on the target, or what is left of it if the run goes on.

        Parameters
        ----------
        phase : Phase

        Returns
        -------
        list of float
            Mean loss of each epoch; none if the run goes on behind it.
        """
        start = self._start
        if start is not None and not (self.is_preparing and start.position.phase == phase.name):
            return []
        self.is_preparing = True
        Runner(self, self._show_progress).prepare(phase, self._prepared, start)
        self.is_preparing, self._start = False, None
        return self._prepared

    def _restore(self, file: Path, state: Mapping[str, Any], is_first: bool) -> None:
        """Take over optimizer and random state of a run that goes on; before the first epoch there is no optimizer."""
        with named_when_damaged(file):
            if not is_first:
                self.optimizer.load_state_dict(state["optimizer"])
            if "random" in state:
                set_random_state(state["random"])
            else:
                torch.set_rng_state(state["rng"].cpu())

    @contextmanager
    def _kept(self, saved: bool) -> Iterator[None]:
        """Let checkpoints of training go to a folder that vanishes, unless they are to be saved."""
        if saved:
            yield
            return
        path = self.saved_model_file
        with tempfile.TemporaryDirectory() as folder:
            self.saved_model_file = world.of_first(str(Path(folder) / Path(path).name))
            if self._resumed is not None:  # perhaps no later epoch is better
                checkpoint.save(Path(self.saved_model_file), self._resumed)
            try:
                yield
                world.wait()  # until all have read what was best
            finally:
                self.saved_model_file = path

    # -- what a runner asks of its host: see `training.runner.Host` ---------------------------------------------------

    def entered(self, phase: Phase, optimizer: TableOptimizer) -> None:
        """Take over the optimizer of a phase, in which all processes begin with the same."""
        self.optimizer = optimizer
        world.share_(self._trained())

    def _trained(self) -> list[Tensor]:
        """List what training changes: all of the model, and what learns beside it."""
        own = {id(parameter) for parameter in self.model.parameters()}
        beside = [parameter for parameter in self.optimizer.parameters if id(parameter) not in own]
        return [*self.model.state_dict().values(), *beside]

    def trained(self, epoch: int, loss: float, seconds: float) -> None:
        """Write down the loss of an epoch as RecBole does."""
        self.train_loss_dict[epoch] = loss
        if self._verbose:
            self.logger.info(self._generate_train_loss_output(epoch, 0.0, seconds, loss))
        self._add_train_loss_to_tensorboard(epoch, loss)
        self.wandblogger.log_metrics({"epoch": epoch, "train_loss": loss, "train_step": epoch}, head="train")

    def is_due(self) -> bool:
        """See `Host`."""
        return self.last is not None and self.last.is_due()

    def reached(self, position: Position) -> None:
        """Write the last state, unless it is none to go on from: weights of which the next step will say so."""
        if self.last is None or not all(bool(value.isfinite().all()) for value in self.optimizer.parameters):
            return
        trained = -1 if self.is_preparing else position.epoch - 1
        best = Path(self.saved_model_file)
        state = {
            **state_of(self, trained),
            "position": position._asdict(),
            "is_preparing": self.is_preparing,
            "prepared": self._prepared,
            "losses": self.train_loss_dict,
            "scores": self.scores,
            "best_valid_result": None if self.best_valid_result is None else dict(self.best_valid_result),
            "best": {"file": best.name, "is_there": best.is_file()},
            "random": random_state(),
        }
        self.last.write(state, str(position))

    def validate(self, epoch: int, patience: Patience, counts: bool) -> bool:
        """Evaluate, write down what is found as RecBole does, keep the best; returns whether to stop."""
        begin = time.time()
        world.check_alike(self._trained())
        score, metrics = self._valid_epoch(self._valid_data, show_progress=self._show_progress)
        improved = patience.look(score, counts)
        self.best_valid_score, self.cur_step = patience.best, patience.misses
        self._write_down(epoch, score, metrics, time.time() - begin)
        if improved:
            self.keep(epoch)
            self.best_valid_result = metrics
        self.scores.append(float(score))
        if self._told is not None:
            self._told(epoch, score)
        if patience.is_over and self._verbose:
            best = epoch - patience.misses * self.eval_step
            self.logger.info(f"Finished training, best eval result in epoch {best}")
        return patience.is_over

    def _write_down(self, epoch: int, score: float, metrics: Mapping[str, float], seconds: float) -> None:
        if self._verbose:
            parts = (set_color(f"epoch {epoch} evaluating", "green"), set_color("time", "blue"), seconds)
            self.logger.info("{} [{}: {:.2f}s, {}: {:f}]".format(*parts, set_color("valid_score", "blue"), score))
            self.logger.info(f"{set_color('valid result', 'blue')}: \n{dict2str(metrics)}")
        self.tensorboard.add_scalar("Vaild_score", score, epoch)  # RecBole's name
        number = (epoch + 1) // self.eval_step - 1
        self.wandblogger.log_metrics({**metrics, "valid_step": number}, head="valid")

    def keep(self, epoch: int) -> None:
        """Write the checkpoint."""
        self._save_checkpoint(epoch, verbose=self._verbose)

    # -- what is joined when training has ended -----------------------------------------------------------------------

    def _finish(self, train_data: Any) -> Result:
        """Give evidence its weights, in the checkpoint, too; return what the trained model is worth in validation."""
        path, valid_data, evidence = Path(self.saved_model_file), self._valid_data, self.model.evidence
        result: Result = self.best_valid_score, self.best_valid_result
        state = self._load_best(path)
        evidence.weights = self._untuned  # those of a run that was ended behind this are in the file
        if result[1] is None and valid_data is not None:  # no epoch was better, or none was run
            result = result[0], self.evaluate(valid_data, load_best_model=False)

        def look(trials: Sequence[EvidenceWeights]) -> list[Trial]:
            return [self._trial(found) for found in self._evaluate_with(trials)]

        if evidence.timed is None:
            tune(evidence, self.model.settings, self._masks_history, None if valid_data is None else look)
        else:
            self._weigh(train_data)
        if valid_data is not None:
            with ranked_both_ways(valid_data):
                self.validated = self._evaluate_with([evidence.weights])[0]
            result = calculate_valid_score(self.validated.metrics, self.valid_metric), self.validated.metrics
        self.model.eval()
        if not writes():
            return result
        finished = {
            "state_dict": self.model.state_dict(),  # the same numbers, which are written once with those of the section
            "other_parameter": self.model.other_parameter(),
            **section_of(self, train_data._dataset, state),
            **self._texts(train_data),
        }
        checkpoint.save(path, {**state, **finished})
        return result

    def _texts(self, train_data: Any) -> dict[str, Any]:
        """Return how texts of items are read, so that new ones can be read likewise."""
        prepared = train_data._dataset.item_features(self.config)
        space = None if prepared is None else prepared.text_space(self.config["dataset"])
        return {"text_space": None if space is None else space.state()}

    def sources(self, target: Domain) -> Sequence[Domain]:
        """Return the source domains, from which the weights of evidence may be learnt."""
        return load_suite(self.config, target).sources

    def source_items(self, state: Mapping[str, Any]) -> dict[str, SourceItems]:
        """Return the items of each source in the target's space, if there is one, as a checkpoint has them."""
        return {}

    def _weigh(self, train_data: Any) -> None:
        """Learn the weights of evidence that knows the clock, beside the model's scores on validation."""
        model, target = self.model, train_data._dataset.domain()
        sources = () if model.settings.evidence_weights in ("own", "memory") else self.sources(target)
        held_out = None if self._valid_data is None else self._held_out()
        masks, seed = self._masks_history, self.config["seed"]
        self.learnt = learn_weighing(model.evidence, target, sources, model.settings, masks, held_out, seed)
        if model.evidence.weights.timed is not None:
            world.share_([model.evidence.weights.timed.weights])

    def _held_out(self) -> HeldOut:
        """Return rows of validation and what the model makes of them, if there is more than evidence."""
        model, dataset = self.model.eval(), self._valid_data._dataset
        drawn = np.random.default_rng(self.config["seed"]).permutation(len(dataset.inter_feat))
        rows = dataset.inter_feat[np.sort(drawn[: model.settings.evidence_rows])]
        requests, targets = dataset.requests(rows), rows[model.ITEM_ID].numpy()
        if model.evidence.alone:
            return HeldOut(requests, targets)
        with torch.no_grad():
            states_BD, items_ID = encode(model, rows), model.catalogue()[1]

        def scores(index: npt.NDArray[np.int64]) -> Tensor:
            scores_BI: Tensor = states_BD[torch.from_numpy(index).to(states_BD.device)] @ items_ID.T
            return scores_BI.cpu()

        return HeldOut(requests, targets, scores)

    def _trial(self, evaluated: Evaluated) -> Trial:
        score = calculate_valid_score(evaluated.metrics, self.valid_metric)
        metric, values, users = self.config["valid_metric"], None, None
        if evaluated.targets is not None and evaluated.ranks is not None and is_of_ranks(metric):
            values, users = metric_of_ranks(metric, evaluated.ranks), evaluated.targets.user_numbers()
        return Trial(score if self.valid_metric_bigger else -score, values, users)

    def _evaluate_with(self, trials: Sequence[EvidenceWeights]) -> list[Evaluated]:
        """Validate with one set of weights after the other, where ranks are all that is wanted in one pass."""
        collector, found = self.eval_collector, []
        if self._streams(self._valid_data):
            return [*self._streamed(self._valid_data, trials)]
        for weights in trials:
            self.model.evidence.weights = weights
            metrics = self.evaluate(self._valid_data, load_best_model=False)
            found.append(Evaluated(metrics, collector.targets, collector.ranks, collector.other_ranks))
        return found

    def _load_best(self, path: Path) -> dict[str, Any]:
        world.wait()  # until it is written
        state = checkpoint.load(path, self.device)
        with named_when_damaged(path):
            self.model.load_state_dict(state["state_dict"])
            self.model.load_other_parameter(state["other_parameter"])
        return state

    # -- evaluation ---------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(
        self,
        eval_data: Any,
        load_best_model: bool = True,
        model_file: str | None = None,
        show_progress: bool = False,
    ) -> Any:
        """Evaluate; see RecBole's ``Trainer.evaluate``.

        Where the metrics are functions of ranks, they come from `stream_ranks`.
        """
        if not self._streams(eval_data):
            world.wait()  # until the best epoch is written
            return super().evaluate(eval_data, load_best_model, model_file, show_progress)
        if load_best_model:
            self._load_best(Path(model_file or self.saved_model_file))
        ((result, *_),) = self._streamed(eval_data, [self.model.evidence.weights])
        self.wandblogger.log_eval_metrics(result, head="eval")
        return result

    def _streamed(self, eval_data: Any, trials: Sequence[EvidenceWeights]) -> Iterator[Evaluated]:
        """Rank with one set of weights after the other, all in one pass; the collector keeps the last."""
        collector, rows, both = self.eval_collector, eval_data._dataset.inter_feat, ranks_both_ways(eval_data)
        users, items = rows[eval_data._dataset.uid_field], rows[eval_data._dataset.iid_field]
        masks = [False, True] if both else [self._masks_history]
        self.model.eval()
        for of_trial in stream_ranks(self.model, eval_data, trials, masks).split(len(masks)):
            collector.collect_ranks(users, items, *(of_trial.flip(0) if both and self._masks_history else of_trial))
            metrics: dict[str, float] = self.evaluator.evaluate(collector.get_data_struct())
            yield Evaluated(metrics, collector.targets, collector.ranks, collector.other_ranks)

    def _streams(self, eval_data: Any) -> bool:
        return can_stream(eval_data) and self.eval_collector.wants_ranks_alone

    # -- checkpoints --------------------------------------------------------------------------------------------------

    @abstractmethod
    def training_state(self) -> dict[str, Any]:
        """Return plain values and tensors from which training goes on, beside those of every trainer."""

    def own_state(self) -> dict[str, Any]:
        """Return what checkpoints hold beside what those of RecBole's trainers do; see `bridge.checkpoint.state_of`."""
        return {"rng": torch.get_rng_state(), **self.training_state()}

    def resume_checkpoint(self, resume_file: str | os.PathLike[str]) -> None:
        """Go on from a checkpoint at the next `fit`; on the CPU, with the numbers of a run that had not stopped.

        Parameters
        ----------
        resume_file : path
            A checkpoint of this trainer, for the same suite, or a last state. The checkpoint, or that of the state, is
            overwritten when validation improves.

        Raises
        ------
        UserError
            If the file is damaged, none of this package's checkpoints, or one of another model, target or sources, or
            the checkpoint that belongs to a state is gone.
        """
        path = Path(resume_file)
        state = checkpoint.load(path, self.device)
        check_origin(path, state, self.config)
        self.model.load_state_dict(state["state_dict"])  # refuses what does not fit, before sources are read
        self._resumed_from, self._resumed = path, state
        self.saved_model_file = str(path)
        self.start_epoch = state["epoch"] + 1
        self.cur_step = state["cur_step"]
        self.best_valid_score = state["best_valid_score"]
        position = Position("", self.start_epoch)
        if "position" in state:
            with named_when_damaged(path):
                position = Position(**state["position"])
                self._take_up(path, state)
        is_first = not position.epoch and not position.step
        self._start = Start(position, partial(self._restore, path, state, is_first))

    def _take_up(self, path: Path, state: Mapping[str, Any]) -> None:
        """Take over what a last state holds beside what checkpoints do."""
        best = Path(self.config["checkpoint_dir"]) / state["best"]["file"]
        if state["best"]["is_there"] and not best.is_file():
            raise UserError([f"{path}: its best epoch was in {best}, which is gone; leave out --resume"])
        self.saved_model_file = str(best)
        self.best_valid_result = state["best_valid_result"]
        self.train_loss_dict = dict(state["losses"])
        self.scores, self._prepared = list(state["scores"]), list(state["prepared"])
        self.is_preparing = state["is_preparing"]

    @contextmanager
    def restoring(self) -> Iterator[Mapping[str, Any]]:
        """Give the checkpoint that training goes on from, the model's weights already taken over.

        What is wrong with it is a line that names the file.
        """
        assert self._resumed is not None
        self.model.load_state_dict(self._resumed["state_dict"])
        with named_when_damaged(self._resumed_from):
            yield self._resumed
