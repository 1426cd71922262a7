"""How ANT is pre-trained, adapted and used, on domains whose items have features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import torch
from recbole.data import data_preparation

from recbole_metarec.bridge.checkpoint import state_of
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.errors import UserError
from recbole_metarec.models.ant.model import ANT
from recbole_metarec.models.ant.pretraining import merge_features
from recbole_metarec.models.ant.trainer import ANTTrainer
from recbole_metarec.nn.item_features import ItemFeatures
from recbole_metarec.runs.report import changes
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.run import run, run_one
from recbole_metarec.training import checkpoint
from recbole_metarec.training.runner import run_epoch

TINY = {"pretrain_epochs": 1, "epochs": 2, "memory_weight": 0}


@pytest.fixture(scope="module")
def featured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("featured")
    planted.write_featured_suite(root)
    return root


def build(root: Path, **changes: Any) -> tuple[ANTTrainer, Any, Any]:
    config = PluginConfig("ANT", planted.FEATURED_TARGET, planted.featured_settings(root, **{**TINY, **changes}))
    torch.manual_seed(0)
    train_data, valid_data, _ = data_preparation(config, DomainDataset(config))
    return ANTTrainer(config, ANT(config, train_data._dataset)), train_data, valid_data


def fit(root: Path, **changes: Any) -> ANTTrainer:
    trainer, train_data, valid_data = build(root, **changes)
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    return trainer


def test_transfer_beats_scratch_where_the_answer_is_known(featured: Path) -> None:
    """Half of the next items lie in the top ten if kinds are known: 15 items of a kind."""
    settings = planted.featured_settings(
        featured, adapt="finetune", transductive=False, memory_weight=0, pretrain_epochs=10
    )
    transfer, scratch, *_ = run(settings)
    assert (transfer.label, scratch.label) == ("ANT", "ANT (scratch)")
    assert transfer.test["recall@10"] > 0.5
    assert changes(transfer, scratch, samples=1000)["ndcg@10"].low > 0


@pytest.mark.parametrize("modality", ["text", "image", "price"])
def test_each_modality_carries_the_rule(featured: Path, modality: str) -> None:
    settings = planted.featured_settings(featured, adapt="finetune", modalities=[modality], pretrain_epochs=20)
    result = run_one({**settings, "transductive": False, "memory_weight": 0})
    assert result.test["recall@10"] > 0.4  # chance is 0.11


def test_what_is_frozen_does_not_move_and_the_rest_does(featured: Path) -> None:
    for adapt in ("relearn", "frozen", "finetune"):
        trainer, train_data, _ = build(featured, adapt=adapt, epochs=1)
        phase = trainer.begin(train_data, show_progress=False).phase_of(0)
        phase.begin()
        before = {name: value.detach().clone() for name, value in trainer.model.core.named_parameters()}
        run_epoch(phase, 0)
        moved = {name for name, value in trainer.model.core.named_parameters() if not torch.equal(value, before[name])}
        assert moved == before.keys() - trainer.steps.frozen
        assert bool(trainer.steps.frozen) == (adapt != "finetune")


def test_a_core_is_a_file_that_other_runs_take_up(featured: Path, tmp_path: Path) -> None:
    first = fit(featured, adapt="finetune", checkpoint_dir=str(tmp_path))
    assert first.core_file is not None
    assert Path(first.core_file).name.endswith("-core.safetensors")
    for adapt in ("relearn", "finetune", "frozen"):
        again = fit(featured, adapt=adapt, pretrained=first.core_file, source_datasets=[])
        assert again.pretraining_losses == []
        assert again.core_file == first.core_file
    result = fit(featured, adapt="finetune", pretrained=first.core_file, source_datasets=[])
    for name, value in first.model.core.state_dict().items():
        torch.testing.assert_close(value, result.model.core.state_dict()[name], msg=name)


def test_pre_training_lowers_its_loss(featured: Path) -> None:
    losses = fit(featured, pretrain_epochs=5).pretraining_losses
    assert losses[-1] < losses[0] - 0.1


@pytest.mark.parametrize("shrinkage", [0, 0.5, 20])
def test_an_items_own_embedding_counts_by_its_interactions(featured: Path, shrinkage: float) -> None:
    trainer, train_data, _ = build(featured, train_users=0.1, embedding_shrinkage=shrinkage)
    model, counts = trainer.model, train_data._dataset.domain().item_counts()
    assert 10 < int((counts == 0).sum()) < len(counts)
    model.eval()
    by_features = model.core.adapter(model.features()).vectors
    trust = [n / (n + shrinkage) if n else 0.0 for n in counts.tolist()]
    own = model.item_embedding.weight * torch.tensor(trust)[:, None]
    torch.testing.assert_close(model.item_vectors(), by_features + own)


@pytest.mark.parametrize("softmax", ["full", "sampled"])
def test_items_that_nobody_had_teach_nothing(featured: Path, softmax: str) -> None:
    losses = []
    for noise in (0.0, 5.0):
        trainer, train_data, _ = build(featured, train_users=0.1, softmax=softmax, adapt="scratch")
        schedule = trainer.begin(train_data, show_progress=False)
        phase = schedule.phase_of(0)
        phase.begin()
        phase.before_epoch(0)
        model = trainer.model
        unseen = torch.from_numpy(model.item_counts == 0)
        model.features().values["text"][unseen] += noise
        losses.append([float(phase.step(0, step)) for step in range(phase.steps)])
    assert losses[0] == losses[1]


def test_metrics_on_cold_items_are_those_of_their_users(featured: Path) -> None:
    settings = planted.featured_settings(featured, adapt="finetune", train_users=0.1, epochs=5)
    result = run_one(settings)
    assert result.cold is not None
    assert 5 < result.cold["n_users"] < result.n_users
    assert result.cold["recall@10"] > 0
    assert set(result.cold) == {"n_users", *result.test}


def test_the_catalogue_is_encoded_once_a_step_and_once_an_evaluation(
    featured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, train_data, valid_data = build(featured, adapt="scratch")
    phase = trainer.begin(train_data, show_progress=False).phase_of(0)
    phase.begin()
    calls = []
    adapter = trainer.model.core.adapter
    encode = adapter.forward
    monkeypatch.setattr(adapter, "forward", lambda features: calls.append(1) or encode(features))
    run_epoch(phase, 0)
    assert len(calls) == len(trainer.steps.sampler.windows)
    calls.clear()
    trainer.evaluate(valid_data, load_best_model=False)
    assert len(calls) == 1


def test_features_of_domains_lie_one_behind_the_other() -> None:
    text, price = torch.randn(3, 2), torch.tensor([0, 4])
    first = ItemFeatures({"text": text}, {"text": torch.tensor([False, True, False])})
    second = ItemFeatures({"price": price}, {"price": torch.tensor([False, True])})
    merged = merge_features([first, second])
    assert torch.equal(merged.values["text"], torch.cat([torch.zeros(1, 2), text[1:], torch.zeros(1, 2)]))
    assert merged.values["price"].tolist() == [0, 0, 0, 4]
    assert merged.present["text"].tolist() == [False, True, False, False]
    assert merged.present["price"].tolist() == [False, False, False, True]


def test_sources_without_features_are_left_out_and_none_at_all_is_an_error(featured: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    planted.write_featured_suite(root, target_users=20, source_users=20)
    bare = root / "featured-a"
    (bare / "featured-a.item").unlink()
    (bare / "featured-a.image.npz").unlink()
    trainer, train_data, _ = build(root)
    assert [source.domain.name for source in trainer._load_sources(train_data._dataset)] == ["featured-b"]
    trainer, train_data, _ = build(root, source_datasets=["featured-a"])
    with pytest.raises(UserError, match="--source_datasets: no item of them has text or image or price"):
        trainer._load_sources(train_data._dataset)
    (root / planted.FEATURED_TARGET / f"{planted.FEATURED_TARGET}.item").unlink()
    with pytest.raises(UserError, match="featured-target: no item has text or price"):
        build(root, modalities=["text", "price"])


@pytest.fixture(scope="module")
def core(featured: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """File of a core."""
    return str(fit(featured, checkpoint_dir=str(tmp_path_factory.mktemp("core")), epochs=1).core_file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 8}, r"other settings than hidden_size=8; write --hidden_size=16"),
        (
            {"backbone": "gru", "n_layers": 3},
            r"than backbone=gru, n_layers=3; write --backbone=transformer --n_layers=",
        ),
        ({"n_heads": 1}, r"than n_heads=1; write --n_heads="),
        ({"adapt": "finetune", "n_experts": 4}, r"than n_experts=4"),
        (
            {"adapt": "frozen", "positions": "start", "MAX_ITEM_LIST_LENGTH": 9},
            r"positions=start, MAX_ITEM_LIST_LENGTH=9",
        ),
        ({"adapt": "finetune", "modalities": ["price"]}, r"has, which the model has not, adapter\.experts\.image"),
    ],
)
def test_a_core_of_other_settings_is_one_line(featured: Path, core: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"^--pretrained={core}: .*{message}"):
        fit(featured, pretrained=core, source_datasets=[], **changes)


def test_what_makes_no_difference_to_a_core_is_free(featured: Path, core: str) -> None:
    free = {"positions": "start", "MAX_ITEM_LIST_LENGTH": 9, "modalities": ["price"]}
    assert fit(featured, pretrained=core, source_datasets=[], epochs=1, **free).core_file == core


@pytest.mark.parametrize("adapt", ["relearn", "finetune", "frozen"])
@pytest.mark.parametrize(
    "damage", ["empty", "missing", "surplus", "shape", "infinite", "no tensor", "settings", "space"]
)
def test_a_damaged_core_is_one_line(featured: Path, core: str, tmp_path: Path, damage: str, adapt: str) -> None:
    state = checkpoint.load(Path(core))
    own, name = state["core"], "backbone.norm.weight"
    if damage == "empty":
        own.clear()
    elif damage == "missing":
        del own[name]
    elif damage == "surplus":
        own["backbone.layers.7.weight"] = own[name]
    elif damage == "settings":
        del state["config"]
    elif damage == "space":
        state["text_space"] = {"vocabulary": ["a"]}
    else:
        own[name] = {"shape": own[name][1:], "infinite": own[name] / 0, "no tensor": 3}[damage]
    checkpoint.save(tmp_path / "x-core.pth", state)
    with pytest.raises(
        UserError, match=rf"^--pretrained={tmp_path}/x-core\.pth: .*(lacks|backbone\.|is damaged)"
    ) as caught:
        fit(featured, pretrained=str(tmp_path / "x-core.pth"), source_datasets=[], adapt=adapt)
    assert len(caught.value.problems) == 1


def test_a_trained_model_is_no_core(featured: Path, tmp_path: Path) -> None:
    trainer, train_data, valid_data = build(featured, checkpoint_dir=str(tmp_path))
    trainer.fit(train_data, valid_data, verbose=False)
    with pytest.raises(UserError, match="is a trained model"):
        fit(featured, pretrained=trainer.saved_model_file)


def test_a_core_from_a_file_has_a_scratch_control(featured: Path, tmp_path: Path) -> None:
    core = fit(featured, checkpoint_dir=str(tmp_path)).core_file
    settings = planted.featured_settings(featured, **TINY, source_datasets=[], pretrained=core)
    assert [result.variant for result in run(settings)][:2] == ["transfer", "scratch"]
    assert [result.variant for result in run({**settings, "pretrained": None})][:1] == ["scratch"]


def test_results_are_named_in_the_report(featured: Path) -> None:
    runs: list[RunResult] = run({**planted.featured_settings(featured, **TINY), "adapt": "relearn"})
    assert [run.variant for run in runs][:3] == ["transfer", "scratch", "ensemble"]
    assert runs[0].source_datasets == planted.FEATURED_SOURCES
    assert np.isfinite(list(runs[0].test.values())).all()


def test_what_is_frozen_thaws_when_it_is_told_to(featured: Path) -> None:
    trainer, train_data, _ = build(featured, adapt="relearn", thaw_after=1)
    schedule = trainer.begin(train_data, show_progress=False)
    before = {name: value.detach().clone() for name, value in trainer.model.core.named_parameters()}
    moved, encoder = [], set()
    for epoch in range(2):
        phase = schedule.phase_of(epoch)
        phase.begin()
        encoder |= trainer.steps.frozen
        run_epoch(phase, epoch)
        values = dict(trainer.model.core.named_parameters())
        moved.append({name for name in encoder if not torch.equal(values[name], before[name])})
    assert moved == [set(), encoder]


def test_what_is_frozen_must_be_of_the_core(featured: Path, tmp_path: Path) -> None:
    trainer = fit(featured, adapt="scratch", epochs=1)
    path = tmp_path / "x.pth"
    checkpoint.save(path, {**state_of(trainer, 0), "frozen": ["nothing"]})
    resumed, train_data, valid_data = build(featured, adapt="scratch", epochs=2)
    resumed.resume_checkpoint(path)
    with pytest.raises(UserError, match=r"x\.pth: is damaged: ValueError: no parameter .* named 'nothing'"):
        resumed.fit(train_data, valid_data)
