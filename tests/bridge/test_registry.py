"""RecBole finds this package's parts, and is mended for today's libraries."""

from __future__ import annotations

from pathlib import Path

import planted
import pytest
import recbole.data.dataset
import recbole.trainer
import torch
from recbole.config import Config
from recbole.quick_start import load_data_and_model, run_recbole
from recbole.utils import ModelType, get_model, get_trainer

from recbole_metarec.bridge.config import PluginConfig, data_path, for_domain, from_plain, to_plain
from recbole_metarec.configuration.layers import property_layers
from recbole_metarec.models import listed_models
from recbole_metarec.training import checkpoint


@pytest.mark.parametrize("model", listed_models())
def test_recboles_lookups_find_our_classes(model: str) -> None:
    assert get_model(model).__name__ == model
    assert get_trainer(ModelType.SEQUENTIAL, model).__name__ == f"{model}Trainer"
    assert hasattr(recbole.data.dataset, f"{model}Dataset")


def test_stock_config_has_our_layers_for_our_models_only(suite: Path) -> None:
    settings = {"data_path": str(suite), "gpu_id": ""}
    ours = Config(model="MetaRec", dataset=planted.TARGET, config_dict=settings)
    stock = Config(model="SASRec", dataset=planted.TARGET, config_dict={**settings, "train_neg_sample_args": None})
    assert (ours["valid_metric"], stock["valid_metric"]) == ("NDCG@10", "MRR@10")
    assert ours["backbone"] == "transformer"
    assert stock["mask_history"] is None


def test_layers_lie_in_order(suite: Path) -> None:
    """RecBole < our overall < our model < our dataset < the user."""
    thriller = "ml-100k-thriller"
    layers = property_layers("MetaRec", thriller, {})
    assert len(layers["source_datasets"]) == 16  # dataset over overall
    assert layers["epochs"] == 200  # model over RecBole's 300
    config = PluginConfig("MetaRec", thriller, {"epochs": 7, "gpu_id": ""})
    assert (config["epochs"], config["stopping_step"], config["eval_batch_size"]) == (7, 10, 4096)


def test_field_names_decide_what_is_loaded() -> None:
    layers = property_layers("MetaRec", "x", {"USER_ID_FIELD": "session_id"})
    assert layers["load_col"] == {"inter": ["session_id", "item_id", "timestamp"]}


def test_plain_configurations_make_the_same_configuration(suite: Path) -> None:
    for model in ("MetaRec", "SASRec", "BPR"):
        settings = {"data_path": str(suite), "gpu_id": "", "seed": 5, "topk": [3]}
        config = PluginConfig(model, planted.TARGET, settings)
        again = from_plain(to_plain(config))
        before, after = dict(config.final_config_dict), dict(again.final_config_dict)
        assert Path(before.pop("data_path")).resolve() == Path(after.pop("data_path")).resolve()
        assert before == after


def test_another_domain_has_its_own_folder_and_the_same_settings(suite: Path) -> None:
    config = PluginConfig("MetaRec", planted.TARGET, planted.settings(suite))
    other = for_domain(config, "planted-a")
    assert other["data_path"] == str(suite / "planted-a")
    assert config["data_path"].endswith(planted.TARGET)
    assert data_path(config) == data_path(other) == suite
    assert other["seed"] == config["seed"]


def test_strings_are_never_evaluated() -> None:
    config = PluginConfig("MetaRec", "x", {"gpu_id": "", "wandb_project": "__import__('os').getcwd()"})
    assert config["wandb_project"] == "__import__('os').getcwd()"


def test_stock_baselines_train_save_and_load(suite: Path) -> None:
    settings = {"data_path": str(suite), "gpu_id": "", "epochs": 1, "show_progress": False, "state": "ERROR"}
    settings |= {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "train_neg_sample_args": None}
    result = run_recbole(model="GRU4Rec", dataset=planted.TARGET, config_dict=settings)
    (file,) = Path("saved").glob("GRU4Rec*.safetensors")
    _, model, *_ = load_data_and_model(str(file))
    assert type(model).__name__ == "GRU4Rec"
    assert 0 <= result["test_result"]["recall@10"] <= 1


def test_other_callers_of_torch_load_have_torchs_own(tmp_path: Path) -> None:
    torch.save({"format": checkpoint.FORMAT, "a": 1}, tmp_path / "x.pth")
    assert torch.load(tmp_path / "x.pth")["a"] == 1
