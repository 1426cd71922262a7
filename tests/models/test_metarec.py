"""The schedule and the safeguards of MetaRec's trainer; what it learns is tested on planted transfer."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import sasrec_twin
import torch
from recbole.data import data_preparation
from recbole.data.interaction import Interaction
from recbole.evaluator import Collector
from recbole.trainer import Trainer
from recbole.utils import get_model

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.suite import load_suite
from recbole_metarec.domains.domain import from_sequences
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evidence.transitions import share_of_repeats
from recbole_metarec.evidence.weights import MEMORY_WEIGHTS, REPEAT_PENALTIES, EvidenceWeights
from recbole_metarec.models.metarec import steps as steps_module
from recbole_metarec.models.metarec.model import MetaRec
from recbole_metarec.models.metarec.schedule import WarmUp
from recbole_metarec.models.metarec.steps import LOOK_EVERY, MetaSteps
from recbole_metarec.models.metarec.tasks import make_tasks
from recbole_metarec.models.metarec.trainer import MetaRecTrainer

TINY = {"hidden_size": 16, "inner_size": 16, "warmup_epochs": 1, "meta_epochs": 2, "epochs": 4}


def build(root: Path, **changes: Any) -> tuple[MetaRecTrainer, Any, Any]:
    config = PluginConfig("MetaRec", planted.TARGET, planted.settings(root, **{**TINY, **changes}))
    torch.manual_seed(0)
    train_data, valid_data, _ = data_preparation(config, DomainDataset(config))
    return MetaRecTrainer(config, MetaRec(config, train_data._dataset)), train_data, valid_data


def learn_from(trainer: MetaRecTrainer, train_data: Any) -> None:
    trainer.suite = load_suite(trainer.config, train_data._dataset.domain())
    tasks = make_tasks(trainer.suite, trainer.model.item_embedding.weight, trainer.model.settings)
    trainer.steps = MetaSteps(trainer.model.encoder, tasks, trainer.model.settings, autocast=False)


def fit(root: Path, **changes: Any) -> MetaRecTrainer:
    trainer, train_data, valid_data = build(root, **changes)
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    return trainer


def test_meta_transfer_lasts_its_epochs_then_fine_tuning_follows(suite: Path) -> None:
    trainer = fit(suite)
    assert len(trainer.weight_history) == 2
    assert len(trainer.train_loss_dict) == 4
    tuned = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    assert tuned == {id(p) for p in trainer.model.parameters()}


FREEZABLE: dict[str, dict[str, Any]] = {
    "meta transfer": {},
    "moving averages": {"codebook_update": "moving_average"},
    "sampled softmax": {"softmax": "sampled", "n_negatives": 8},
}


@pytest.mark.parametrize("case", FREEZABLE)
@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_shared_parameters_stay_as_meta_transfer_leaves_them(suite: Path, case: str, freeze: bool) -> None:
    # more steps than two looks for dead codes are apart, every code dead
    long = {"epochs": 30, "train_batch_size": 16, "dead_code_threshold": 1e9, **FREEZABLE[case]}
    trainer, train_data, valid_data = build(suite, freeze=freeze, **long)
    seen: list[dict[str, torch.Tensor]] = []

    def note(epoch: int, score: float) -> None:
        seen.append({name: value.clone() for name, value in trainer.model.state_dict().items()})

    trainer.fit(train_data, valid_data, verbose=False, saved=False, callback_fn=note)
    assert trainer.steps.count > 2 * LOOK_EVERY
    last_of_transfer = seen[trainer.config["meta_epochs"] - 1]
    learnt = {name for name in seen[-1] if not torch.equal(seen[-1][name], last_of_transfer[name])}
    assert "item_embedding.weight" in learnt
    assert (len(learnt) == 1) == freeze


def test_scratch_learns_everything_whether_sources_would_be_frozen_or_not(suite: Path) -> None:
    states = [fit(suite, freeze=freeze, source_datasets=[]).model.state_dict() for freeze in (True, False)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_patience_counts_in_fine_tuning_only(suite: Path) -> None:
    trainer = fit(suite, learning_rate=0.03, meta_epochs=12, epochs=60, stopping_step=0)
    assert 12 < len(trainer.train_loss_dict) < 60


def test_meta_transfer_without_a_number_of_epochs_goes_on_until_patience_ends(suite: Path) -> None:
    trainer, train_data, valid_data = build(suite, meta_epochs=None, epochs=30, stopping_step=5)
    worse_and_worse = itertools.count(0, -1)
    trainer._valid_epoch = lambda *_, **__: (float(next(worse_and_worse)), {})
    trainer.fit(train_data, valid_data, verbose=False)
    assert len(trainer.weight_history) == len(trainer.train_loss_dict) == 11  # the first five do not count


@pytest.mark.parametrize("meta_epochs", [2, None])
def test_a_resumed_run_is_as_patient_as_one_that_had_not_stopped(
    suite: Path, tmp_path: Path, meta_epochs: int | None
) -> None:
    trainer, train_data, valid_data = build(suite, meta_epochs=meta_epochs, epochs=2, stopping_step=2)
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    trainer.cur_step = 0
    trainer._save_checkpoint(1, saved_model_file=tmp_path / "last-of-transfer.pth")
    resumed, *_ = build(suite, meta_epochs=meta_epochs, epochs=2, stopping_step=2)
    resumed.resume_checkpoint(tmp_path / "last-of-transfer.pth")
    resumed.begin(train_data, show_progress=False)
    assert resumed.cur_step == 0


def test_warm_up_trains_sources_and_leaves_the_target_alone(suite: Path) -> None:
    trainer, train_data, _ = build(suite)
    learn_from(trainer, train_data)
    before = [task.table.detach().clone() for task in trainer.steps.tasks]
    trainer.prepare(WarmUp(trainer.steps, trainer.model.settings, trainer.model.train).phase())
    moved = [not torch.equal(task.table, table) for task, table in zip(trainer.steps.tasks, before, strict=True)]
    assert moved == [False, True, True, True]


def test_padding_stays_zero_in_every_table(suite: Path) -> None:
    for start in ("normal", "cooccurrence"):
        for task in fit(suite, item_init=start, weight_decay=0.0).steps.tasks:
            assert not task.table[0].any()


def test_weights_are_averages_that_sum_to_one(suite: Path) -> None:
    trainer = fit(suite, sources_per_step=2)
    for weights in trainer.weight_history:
        assert set(weights) == {*planted.FRIENDLY, planted.HOSTILE}
        assert sum(weights.values()) == pytest.approx(1, abs=1e-5)


def test_infinite_temperature_weighs_all_sources_alike(suite: Path) -> None:
    for weights in fit(suite, temperature=float("inf")).weight_history:
        assert list(weights.values()) == pytest.approx([1 / 3] * 3)


def test_learnt_inner_rates_move_and_fixed_ones_do_not(suite: Path) -> None:
    def rates(**changes: Any) -> set[float]:
        found = fit(suite, **changes).steps.inner_rates
        return {round(float(rate.detach()), 7) for step in found for rate in step.values()}

    assert rates() == {0.05}
    assert len(rates(learn_inner_rates=True, inner_rate_learning_rate=1.0)) > 1


def test_smoothing_keeps_its_share_of_the_former_similarity(suite: Path) -> None:
    trainer, train_data, _ = build(suite, similarity_smoothing=0.75)
    learn_from(trainer, train_data)
    assert trainer.steps._smooth([0, 2], torch.tensor([0.4, -0.2])).tolist() == pytest.approx([0.4, -0.2])
    assert trainer.steps._smooth([1, 2], torch.tensor([0.1, 0.6])).tolist() == pytest.approx([0.1, 0.0])


def test_a_loss_that_is_not_finite_stops_training_and_says_where(suite: Path) -> None:
    trainer, train_data, valid_data = build(suite, quantizer=False, warmup_epochs=0)
    with torch.no_grad():
        trainer.model.item_embedding.weight[3] = torch.inf
    line = f"in batch 1 of epoch 1 on {planted.TARGET} behind {planted.FRIENDLY[0]}; lower learning_rate"
    with pytest.raises(FloatingPointError, match=line):
        trainer.fit(train_data, valid_data, verbose=False, saved=False)


@pytest.mark.parametrize("update", ["gradient", "moving_average"])
def test_a_batch_that_is_skipped_changes_nothing(suite: Path, monkeypatch: pytest.MonkeyPatch, update: str) -> None:
    trainer, train_data, _ = build(suite, max_bad_batches=2, codebook_update=update)
    learn_from(trainer, train_data)
    steps = trainer.steps
    steps.meta_step(0, 0)
    tensors = [*trainer.model.state_dict().values(), *(task.table for task in steps.tasks), steps.similarities]
    tensors += [rate for rates in steps.inner_rates for rate in rates.values()]
    before = [tensor.detach().clone() for tensor in tensors]
    sound = steps_module.functional_call

    def broken(*arguments: Any) -> Any:
        found = sound(*arguments)
        return found._replace(loss=found.loss * torch.nan)

    monkeypatch.setattr(steps_module, "functional_call", broken)
    steps.meta_step(0, 1)
    steps.plain_step(steps.tasks[1], 0, 1)
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(tensors, before, strict=True))
    assert steps.gate.bad == 2
    with pytest.raises(FloatingPointError, match=f"in batch 2 of epoch 5 on {planted.FRIENDLY[0]}, behind 2 that were"):
        steps.plain_step(steps.tasks[1], 4, 1)
    monkeypatch.setattr(steps_module, "functional_call", sound)
    steps.meta_step(0, 1)
    assert not torch.equal(steps.tasks[0].table, before[0])


def test_two_trainers_of_the_same_second_have_checkpoints_of_their_own(suite: Path) -> None:
    transfer, _, _ = build(suite)
    scratch, _, _ = build(suite, source_datasets=[])
    assert transfer.saved_model_file != scratch.saved_model_file


def test_all_domains_that_filters_empty_are_named(suite: Path) -> None:
    config = PluginConfig("MetaRec", planted.TARGET, planted.settings(suite, user_inter_num_interval="[99,inf)"))
    with pytest.raises(UserError) as error:
        load_suite(config, from_sequences("short", [[1], [2]], 2))
    assert [problem.split(":")[0] for problem in error.value.problems] == [
        *planted.FRIENDLY,
        planted.HOSTILE,
        "short",
    ]


def test_mixed_precision_trains(suite: Path) -> None:
    trainer = fit(suite, enable_amp=True)
    assert all(torch.isfinite(p).all() for p in trainer.model.parameters())


def test_gradients_are_clipped_as_recbole_says(suite: Path) -> None:
    plain = fit(suite, clip_grad_norm=None)
    clipped = fit(suite, clip_grad_norm={"max_norm": 1e-3})
    assert not torch.equal(plain.model.item_embedding.weight, clipped.model.item_embedding.weight)


@pytest.mark.parametrize("mask_history", [False, True])
@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("prior", [{"memory_weight": 0}, {"memory_weight": 0.7}, {"repeat_items": False}])
def test_streamed_evaluation_gives_recboles_metrics(
    suite: Path, mask_history: bool, loaded: bool, prior: dict[str, Any]
) -> None:
    metrics = {"metrics": ["NDCG", "Recall", "MRR"], "topk": [3, 10]}
    trainer, train_data, valid_data = build(suite, mask_history=mask_history, **metrics, **prior)
    trainer.fit(train_data, valid_data, verbose=False, saved=True)
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    trainer.eval_collector.ranks = None
    found = trainer.evaluate(valid_data, load_best_model=loaded)
    ranks = trainer.eval_collector.ranks
    trainer.eval_collector = Collector(trainer.config)
    stock = Trainer.evaluate(trainer, valid_data, load_best_model=loaded)
    assert found == pytest.approx(stock, abs=1e-6)
    assert ranks is not None
    assert len(ranks) == len(valid_data._dataset)


def test_metrics_that_are_no_functions_of_ranks_are_recboles(suite: Path) -> None:
    trainer, train_data, valid_data = build(suite, metrics=["NDCG", "GAUC"])
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    result = trainer.evaluate(valid_data, load_best_model=False)
    assert set(result) == {"ndcg@10", "gauc"}


def test_memory_and_repeats_get_the_plainest_weights_that_are_as_good_as_the_best(suite: Path, tmp_path: Path) -> None:
    trainer, train_data, valid_data = build(suite, checkpoint_dir=str(tmp_path))
    score, result = trainer.fit(train_data, valid_data, verbose=False)
    chosen = trainer.model.evidence.weights

    def values(weight: float, penalty: float) -> Any:
        trainer.model.evidence.weights = EvidenceWeights(weight, penalty)
        trainer.evaluate(valid_data, load_best_model=False)
        return metric_of_ranks("ndcg@10", trainer.eval_collector.ranks)

    def as_good(found: dict[float, Any]) -> set[float]:
        best = max(found.values(), key=np.mean)
        gaps = {each: best - value for each, value in found.items()}
        return {each for each, gap in gaps.items() if gap.mean() <= gap.std(ddof=1) / np.sqrt(len(gap))}

    weights = as_good({weight: values(weight, 0.0) for weight in MEMORY_WEIGHTS})
    assert chosen[0] == min(weights, key=lambda weight: abs(np.log(weight or 1e-9)))
    assert len(weights) < len(MEMORY_WEIGHTS)
    scale = 1 + chosen[0] if np.isfinite(chosen[0]) else 1
    penalties = {scale * each: values(chosen[0], scale * each) for each in REPEAT_PENALTIES}
    assert chosen[1] == min(as_good(penalties))  # repeats are what this domain is full of
    assert penalties[chosen[1]].mean() == pytest.approx(score, abs=1e-6)
    assert score == result["ndcg@10"]
    trainer.model.evidence.weights = chosen
    assert trainer.evaluate(valid_data) == result  # of the checkpoint
    assert trainer.model.evidence.weights == chosen


def test_scores_are_joined_with_one_pair_of_weights_after_the_other_and_left_as_they_were(suite: Path) -> None:
    model = build(suite)[0].model.eval()
    item_seq, lengths = torch.tensor([[3, 5, 3, 0], [1, 2, 4, 6]]), torch.tensor([3, 4])
    scores = torch.randn(2, model.n_items)
    scores[:, 0] = -torch.inf
    had = torch.zeros(2, model.n_items, dtype=torch.bool).scatter(1, item_seq, True)
    every = [EvidenceWeights(*pair) for pair in ((0.0, 0.0), (0.0, 2.0), (3.0, 0.0), (0.5, 1.5), (1.0, torch.inf))]
    given = scores.clone()
    rows = Interaction({model.ITEM_SEQ: item_seq, model.ITEM_SEQ_LEN: lengths})
    for (weight, penalty, _), found in zip(every, model.joined(given, rows, every), strict=True):
        expected = scores + weight * model.evidence.memory(item_seq, lengths) if weight else scores
        torch.testing.assert_close(found, torch.where(had, expected - penalty, expected))
    assert torch.equal(given, scores)


def test_where_nothing_is_repeated_nothing_is_recommended_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    walks = [rng.permutation(12)[:8].tolist() for _ in range(40)]
    planted.write_domain(tmp_path, planted.TARGET, walks, rng)
    trainer, train_data, valid_data = build(tmp_path, source_datasets=[], epochs=1)
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    assert trainer.model.evidence.weights.repeat_penalty == float("inf")


@pytest.mark.parametrize(("asked", "given"), [("auto", 1.0), (2.5, 2.5)])
def test_without_validation_the_memory_is_joined_all_the_same(
    suite: Path, tmp_path: Path, asked: str | float, given: float
) -> None:
    trainer, train_data, valid_data = build(suite, memory_weight=asked, checkpoint_dir=str(tmp_path))
    trainer.fit(train_data, None, verbose=False)
    assert trainer.model.memory_weight == given
    trainer.model.evidence.weights = trainer.model.evidence.weights._replace(memory_weight=0.0)
    trainer.evaluate(valid_data)
    assert trainer.model.memory_weight == given


def test_early_stopping_does_not_look_at_the_memory(suite: Path, tmp_path: Path) -> None:
    runs = [fit(suite, memory_weight=weight, source_datasets=[]) for weight in (0, 10.0)]
    assert runs[0].best_valid_score == runs[1].best_valid_score
    assert [run.model.memory_weight for run in runs] == [0, 10]


@pytest.mark.parametrize(("repeats", "allowed"), [("auto", True), (True, True), (False, False)])
def test_items_of_the_sequence_are_scored_where_repeats_are_usual(
    suite: Path, repeats: bool | str, allowed: bool
) -> None:
    trainer, _, valid_data = build(suite, repeat_items=repeats)
    rows = valid_data._dataset[:].to("cpu")
    assert share_of_repeats(valid_data._dataset.domain()) > 0.001
    with torch.no_grad():
        own = trainer.model.full_sort_predict(rows).gather(1, rows[trainer.model.ITEM_SEQ][:, :1])
    assert bool(own.isfinite().all()) == allowed
    assert bool(own.isneginf().all()) != allowed


def test_without_a_quantizer_it_is_recboles_sasrec(suite: Path) -> None:
    config = PluginConfig("SASRec", planted.TARGET, {"data_path": str(suite), "gpu_id": "", "state": "ERROR"})
    train_data, valid_data, _ = data_preparation(config, DomainDataset(config))
    sasrec = get_model("SASRec")(config, train_data._dataset).eval()
    sizes = {key: config[key] for key in ("hidden_size", "n_layers", "inner_size", "MAX_ITEM_LIST_LENGTH")}
    trainer, _, _ = build(suite, quantizer=False, memory_weight=0, repeat_items=True, **sizes)
    sasrec_twin.take_over(trainer.model, sasrec)
    trainer.model.eval()
    rows = valid_data._dataset[:].to("cpu")
    with torch.no_grad():
        found, expected = (model.full_sort_predict(rows)[:, 1:] for model in (trainer.model, sasrec))
    torch.testing.assert_close(found, expected)


def test_runs_of_one_second_keep_a_checkpoint_each(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recbole.trainer.trainer.get_local_time", lambda: "now")
    files = []
    for _ in range(3):
        trainer, *_ = build(suite, checkpoint_dir=str(tmp_path))
        Path(trainer.saved_model_file).touch()
        files.append(trainer.saved_model_file)
    assert len({*files}) == 3
