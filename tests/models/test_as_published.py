"""MetaRec and ANT with the preset that is as they were published: they train, score and are named as they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planted
import pytest
import torch

import recbole_metarec as rm
from recbole_metarec.inspection.card import card
from recbole_metarec.inspection.facts import facts, text_of
from recbole_metarec.models.metarec.trainer import MetaRecTrainer
from recbole_metarec.runs.result import RunResult
from recbole_metarec.training import checkpoint

COMMON = ("data_path", "dataset", "source_datasets", "gpu_id", "show_progress", "state", "seed")
SHORT = {"preset": "paper", "epochs": 2, "n_layers": 1, "inner_size": 16}


@pytest.fixture(scope="module")
def metarec(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[RunResult], MetaRecTrainer]:
    """Return a run with its controls, and the trainer of the first."""
    trainers: list[MetaRecTrainer] = []
    fit = MetaRecTrainer.fit

    def kept(trainer: MetaRecTrainer, *arguments: Any, **options: Any) -> Any:
        trainers.append(trainer)
        return fit(trainer, *arguments, **options)

    settings = {key: value for key, value in planted.settings(suite).items() if key in COMMON}
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(MetaRecTrainer, "fit", kept)
        runs = rm.run({**settings, **SHORT, "model": "MetaRec", "checkpoint_dir": str(folder), "warmup_epochs": 1})
    return runs, trainers[0]


@pytest.fixture(scope="module")
def ant(tmp_path_factory: pytest.TempPathFactory) -> list[RunResult]:
    folder = tmp_path_factory.mktemp("published-ant")
    planted.write_featured_suite(folder, target_users=40, source_users=40)
    settings = {key: value for key, value in planted.featured_settings(folder).items() if key in COMMON}
    more = {"max_bad_features": 0.3, "checkpoint_dir": str(folder), "feature_cache": str(folder / "features")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return rm.run({**settings, **SHORT, **more, "model": "ANT", "pretrain_epochs": 1})


def test_scores_are_states_times_quantized_vectors(metarec: Any) -> None:
    runs, _ = metarec
    trained = rm.load_with_data(runs[0].checkpoint)
    model, quantizer = trained.model.eval(), trained.model.encoder.quantizer
    rows = next(iter(trained.test_data))[0]
    with torch.no_grad():
        scores_BI = model.full_sort_predict(rows)
        table_ID = model.item_embedding.weight[1:]
        p_NHC = torch.einsum("nhw,hwc->nhc", table_ID.unflatten(1, (8, 8)), quantizer.project_in)
        codes_NH = torch.cdist(p_NHC.transpose(0, 1), quantizer.codebook).argmin(-1).T
        chosen_NHC = quantizer.codebook[torch.arange(8), codes_NH]
        vectors_ID = torch.cat([torch.zeros(1, 64), chosen_NHC.flatten(1) @ quantizer.project_out.weight.T])
        length_B = rows[model.ITEM_SEQ_LEN]
        states_BLD = model.encoder.backbone(vectors_ID[rows[model.ITEM_SEQ]], length_B)
        expected_BI = states_BLD[torch.arange(len(length_B)), length_B - 1] @ vectors_ID.T
    torch.testing.assert_close(scores_BI[:, 1:], expected_BI[:, 1:], rtol=1e-4, atol=1e-5)


def test_inner_rates_are_learnt_in_each_of_three_steps(metarec: Any) -> None:
    _, trainer = metarec
    begin = float(torch.tensor(0.05))
    assert len(trainer.steps.inner_rates) == 3
    for rates in trainer.steps.inner_rates:
        moved = [float(rate.detach()) != begin for rate in rates.values()]
        assert sum(moved) > len(moved) / 2


def test_nothing_but_the_models_scores_counts(metarec: Any, ant: list[RunResult]) -> None:
    for runs in (metarec[0], ant):
        assert [run.variant for run in runs] == ["transfer", "scratch", "ensemble"]
        assert all(run.memory_weight == 0 and not run.diagnostic("evidence") for run in runs)
        recommender, items = rm.load(str(runs[0].checkpoint)), [str(run.targets.items[0]) for run in runs[:1]]
        (found,) = recommender.recommend([items], k=10_000, exclude_seen=False)
        assert items[0] in {each.item_id for each in found}


def test_ants_encoder_stays_as_it_was_pre_trained(ant: list[RunResult]) -> None:
    state = checkpoint.load(Path(str(ant[0].checkpoint)))
    core = checkpoint.load(Path(state["core_file"]))["core"]
    assert len(state["frozen"]) > 10
    for name in state["frozen"]:
        torch.testing.assert_close(state["state_dict"][f"core.{name}"], core[name], rtol=0, atol=0)
    drawn_anew = [name for name in core if name not in state["frozen"] and core[name].dim() > 1]
    assert all(not torch.equal(state["state_dict"][f"core.{name}"], core[name]) for name in drawn_anew)


def test_cards_and_inspection_name_the_preset(metarec: Any, ant: list[RunResult]) -> None:
    titles = {"transfer": "(paper)", "scratch": "(paper, scratch)", "ensemble": "(paper, ensemble)"}
    for runs in (metarec[0], ant):
        for run in runs:
            path = Path(str(run.checkpoint))
            state = checkpoint.load(path)
            title = f"{run.model} {titles[str(run.variant)]}"
            assert card(state).partition("\n# ")[2].startswith(f"{title} on {run.dataset}\n")
            found = facts(state, path.name, path.stat().st_size)
            assert found["title"] == title
            labels = [each["label"] for each in state["metrics"]["controls"]]
            assert sorted([title, *labels]) == sorted(f"{run.model} {each}" for each in titles.values())
            if run.variant != "ensemble":
                assert found["settings"]["preset"] == "paper"
                assert "the preset paper, and what was set besides" in card(state)
                assert "--preset" in text_of(found)
