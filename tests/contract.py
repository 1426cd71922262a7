"""What every model keeps in every mode, under RecBole's own functions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import torch
from recbole.data import data_preparation
from recbole.quick_start import load_data_and_model, run_recbole
from recbole.utils import ModelType, get_model, get_trainer, init_seed
from recbole.utils.case_study import full_sort_topk
from safetensors.torch import load_file

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.training import checkpoint


class ScoringContract:
    """Inherit, and set `model` and `mode`: each subclass is trained once through stock ``run_recbole``."""

    model = "MetaRec"
    target = planted.TARGET
    mode: dict[str, Any] = {}

    @classmethod
    def settings(cls, root: Path, folder: Path) -> dict[str, Any]:
        """Return settings of a small model of this mode."""
        small = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 2, "hidden_size": 16, "inner_size": 16}
        small |= cls.mode
        return planted.settings(root, checkpoint_dir=str(folder), **small)

    @classmethod
    def write_suite(cls, root: Path) -> None:
        """Write the domains."""
        planted.write_suite(root, target_users=24, source_users=40)

    @pytest.fixture(scope="class")
    @classmethod
    def small_suite(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        root = tmp_path_factory.mktemp("small")
        cls.write_suite(root)
        return root

    @pytest.fixture(scope="class")
    @classmethod
    def trained(
        cls, small_suite: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
        folder = tmp_path_factory.mktemp("trained")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr("sys.argv", ["pytest"])
            result = run_recbole(config_dict=cls.settings(small_suite, folder))
            (checkpoint,) = (file for file in folder.glob("*.safetensors") if not file.stem.endswith("-core"))
            yield result, load_data_and_model(str(checkpoint))

    def test_stock_run_recbole_trains_and_evaluates(self, trained: Any) -> None:
        result, _ = trained
        assert 0 < result["test_result"]["recall@10"] <= 1
        assert result["best_valid_score"] == result["best_valid_result"]["ndcg@10"]

    def test_stock_loading_gives_the_tested_model_back(self, trained: Any) -> None:
        result, (config, model, _, _, _, test_data) = trained
        trainer_class = get_trainer(ModelType.SEQUENTIAL, self.model)
        again = trainer_class(config, model).evaluate(test_data, load_best_model=False)
        assert again == result["test_result"]

    def test_checkpoint_holds_no_pickled_class(self, trained: Any, small_suite: Path) -> None:
        _, (config, *_) = trained
        for file in Path(config["checkpoint_dir"]).glob("*.safetensors"):
            assert load_file(file).keys()

    def test_case_study_ranks_items(self, trained: Any) -> None:
        _, (config, model, dataset, _, _, test_data) = trained
        users = dataset.token2id(dataset.uid_field, [f"{self.target}-u{i}" for i in range(3)])
        scores, items = full_sort_topk(users, model, test_data, k=5, device=config["device"])
        assert items.shape == (3, 5)
        assert (items > 0).all()
        assert (scores[:, :-1] >= scores[:, 1:]).all()

    def test_predict_is_a_column_of_full_sort_predict(self, trained: Any) -> None:
        model, rows = self._rows(trained)
        full = model.full_sort_predict(rows)
        one = model.predict(rows)
        torch.testing.assert_close(one, full[torch.arange(len(one)), rows[model.ITEM_ID]])

    def test_scores_do_not_depend_on_the_batch(self, trained: Any) -> None:
        model, rows = self._rows(trained)
        together = model.full_sort_predict(rows)
        alone = torch.cat([model.full_sort_predict(rows[torch.tensor([i])]) for i in range(len(rows))])
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)

    def test_scores_do_not_depend_on_padding(self, trained: Any) -> None:
        model, rows = self._rows(trained)
        before = model.full_sort_predict(rows)
        longest = int(rows[model.ITEM_SEQ_LEN].max())
        rows[model.ITEM_SEQ] = rows[model.ITEM_SEQ][:, :longest]
        torch.testing.assert_close(model.full_sort_predict(rows), before)

    def test_the_same_seed_gives_the_same_weights(self, small_suite: Path, tmp_path: Path) -> None:
        first, second = (self._fit(small_suite, tmp_path, epochs=2) for _ in range(2))
        assert first.model.state_dict().keys() == second.model.state_dict().keys()
        for name, value in first.model.state_dict().items():
            assert torch.equal(value, second.model.state_dict()[name]), name

    def test_without_saving_the_best_epoch_is_kept_and_no_file(self, small_suite: Path, tmp_path: Path) -> None:
        trainer = self._fit(small_suite, tmp_path, epochs=3)
        assert not [file for file in tmp_path.glob("*.safetensors") if not file.stem.endswith("-core")]
        _, valid_data, _ = self._data(small_suite, tmp_path)
        again = trainer.evaluate(valid_data, load_best_model=False)
        assert again == trainer.validated.metrics

    def _rows(self, trained: Any) -> tuple[Any, Any]:
        _, (_, model, _, _, _, test_data) = trained
        model.eval()
        return model, test_data._dataset[np.arange(8)]

    def _data(self, root: Path, folder: Path) -> tuple[Any, Any, Any]:
        config = PluginConfig(self.model, self.target, self.settings(root, folder))
        return data_preparation(config, DomainDataset(config))  # type: ignore[no-any-return]

    def _fit(self, root: Path, folder: Path, epochs: int, last: Path | None = None, resume: Path | None = None) -> Any:
        """Train without saving, but for each epoch's state in ``last``."""
        settings = {**self.settings(root, folder), "epochs": epochs}
        config = PluginConfig(self.model, self.target, settings)
        init_seed(config["seed"], True)
        train_data, valid_data, _ = data_preparation(config, DomainDataset(config))
        trainer_class = get_trainer(ModelType.SEQUENTIAL, self.model)
        trainer = trainer_class(config, get_model(self.model)(config, train_data._dataset))
        if resume:
            trainer.resume_checkpoint(resume)

        def keep(epoch: int, score: float) -> None:
            if last:
                trainer._save_checkpoint(epoch, saved_model_file=last)

        trainer.fit(train_data, valid_data, verbose=False, saved=False, callback_fn=keep)
        return trainer


class RecommenderContract(ScoringContract):
    """The same of a model that learns, epoch by epoch."""

    @pytest.fixture
    @staticmethod
    def by_what_is_learnt(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let what is learnt have a part in the scores, whatever validation says."""
        evidence = trained[1][1].evidence
        monkeypatch.setattr(evidence, "weights", evidence.weights._replace(memory_weight=1.0))

    @pytest.mark.usefixtures("by_what_is_learnt")
    def test_the_catalogue_follows_the_weights(self, trained: Any) -> None:
        model, rows = self._rows(trained)
        before = model.full_sort_predict(rows)
        saved = {name: value.clone() for name, value in model.state_dict().items()}
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * torch.rand_like(parameter)
        assert not torch.allclose(model.full_sort_predict(rows), before)
        model.load_state_dict(saved)
        torch.testing.assert_close(model.full_sort_predict(rows), before)

    @pytest.mark.usefixtures("by_what_is_learnt")
    def test_the_catalogue_follows_an_optimizer(self, trained: Any) -> None:
        model, rows = self._rows(trained)
        saved = {name: value.clone() for name, value in model.state_dict().items()}
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)  # counts no versions
        before = model.full_sort_predict(rows)
        model.train()
        model.calculate_loss(rows).backward()
        optimizer.step()
        model.eval()
        assert not torch.allclose(model.full_sort_predict(rows), before)
        model.zero_grad()
        model.load_state_dict(saved)
        torch.testing.assert_close(model.full_sort_predict(rows), before)

    def test_stock_loss_is_differentiable(self, trained: Any) -> None:
        model, rows = self._rows(trained)
        loss = model.calculate_loss(rows)
        gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        assert torch.isfinite(loss)
        assert sum(float(g.abs().sum()) for g in gradients if g is not None) > 0

    def test_resuming_gives_the_same_weights_as_not_stopping(self, small_suite: Path, tmp_path: Path) -> None:
        self._fit(small_suite, tmp_path, epochs=3, last=tmp_path / "whole")
        self._fit(small_suite, tmp_path, epochs=2, last=tmp_path / "part")
        self._fit(small_suite, tmp_path, epochs=3, last=tmp_path / "resumed", resume=tmp_path / "part")
        whole, resumed = (checkpoint.load(tmp_path / name)["state_dict"] for name in ("whole", "resumed"))
        for name, value in whole.items():
            assert torch.equal(value, resumed[name]), name
