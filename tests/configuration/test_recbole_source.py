"""What is read of RecBole's files is what RecBole says itself."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
import recbole.data.dataset
import yaml
from recbole.data.dataset import KGSeqDataset
from recbole.evaluator.register import metrics_dict
from recbole.utils import ModelType, argument_list, get_model

from recbole_metarec.bridge.loading import takes_domains
from recbole_metarec.configuration import recbole_source
from recbole_metarec.configuration.checks import _has_exact_times, _reads_sequences
from recbole_metarec.configuration.layers import known_models
from recbole_metarec.configuration.metrics import metric_names
from recbole_metarec.configuration.properties import properties_folder, read_properties
from recbole_metarec.lazy import folder_of, load_object
from recbole_metarec.models import listed_models
from recbole_metarec.settings.backbone import BackboneSettings
from recbole_metarec.settings.base import Settings, problem
from recbole_metarec.settings.features import FeatureSettings
from recbole_metarec.settings.quantizer import QuantizerSettings
from recbole_metarec.settings.shared import SharedSettings
from recbole_metarec.settings.transfer import TransferSettings
from recbole_metarec.settings.users_yaml import PropertyLoader


def classes(kind: str) -> set[str]:
    package = importlib.import_module(f"recbole.model.{kind}_recommender")
    return {name for name, value in vars(package).items() if isinstance(value, type)}


def test_models_are_recboles() -> None:
    assert recbole_source.sequential_models() == classes("sequential")
    assert recbole_source.general_models() == classes("general")


def test_keys_are_those_that_recbole_lists() -> None:
    kinds = ("general", "training", "evaluation", "dataset")
    listed = [key for kind in kinds for key in vars(argument_list)[f"{kind}_arguments"]]
    added = {"_checksums", *SharedSettings.model_fields}  # of which this package puts some into the imported lists
    assert [key for key in listed if key not in added] == [
        key for key in recbole_source.listed_keys() if key not in added
    ]


@pytest.mark.parametrize("split_already", [False, True])
def test_checks_know_which_dataset_a_model_gets(split_already: bool) -> None:
    for model in known_models():
        kind = get_model(model).type
        effective = {"model": model, "benchmark_filename": ["a", "b", "c"] if split_already else None}
        takes = takes_domains(model, kind, split_already)
        own = getattr(recbole.data.dataset, f"{model}Dataset", None)
        assert _reads_sequences(effective) == takes, model
        is_plain = not split_already and kind != ModelType.SEQUENTIAL and own is None
        assert _has_exact_times(effective) == (is_plain or takes), model
        if model not in listed_models():
            assert (model in recbole_source.sequential_models()) == (kind == ModelType.SEQUENTIAL), model
            has_graph = own is not None and issubclass(own, KGSeqDataset)
            assert (model in recbole_source.models_with_knowledge_graph()) == has_graph, model


@pytest.mark.parametrize("name", sorted(metrics_dict))
def test_metrics_are_measured_at_each_length_if_recboles_class_has_lengths(name: str) -> None:
    settings: Any = {"topk": [3, 5], "metric_decimal_place": 4, "tail_ratio": None}
    has_lengths = "topk" in vars(metrics_dict[name](settings))
    assert metric_names(name, [3, 5]) == ([f"{name}@3", f"{name}@5"] if has_lengths else [name])


@pytest.mark.parametrize(
    ("settings", "key", "place"),
    [
        (BackboneSettings, "backbone", "nn.backbones:BACKBONES"),
        (QuantizerSettings, "quantizer", "nn.quantizers:QUANTIZERS"),
        (FeatureSettings, "modalities", "features.modalities:MODALITIES"),
        (TransferSettings, "source_weighting", "transfer.meta:WEIGHTINGS"),
    ],
)
def test_tables_are_known_before_they_are_imported(
    settings: type[Settings], key: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"recbole_metarec.{place.partition(':')[0]}"
    load_object(f"recbole_metarec.{place}")
    imported = problem(settings, key, 5)
    monkeypatch.delitem(sys.modules, module)
    assert problem(settings, key, 5) == imported
    assert module not in sys.modules


def test_property_files_are_read_as_by_the_loader_of_users_files() -> None:
    files = [*(folder_of("recbole") / "properties").rglob("*.yaml"), *properties_folder().rglob("*.yaml")]
    assert len(files) > 50
    for file in files:
        assert read_properties(file) == (yaml.load(file.read_text(encoding="utf-8"), Loader=PropertyLoader) or {}), file
