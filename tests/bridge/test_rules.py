"""Every key that RecBole or this package documents: wrong values named in a line each, right ones let pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import planted
import pytest
import recbole
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recbole.evaluator import metric_types
from recbole.utils import EvaluatorType, argument_list

from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.configuration.layers import known_models, resolve
from recbole_metarec.configuration.metrics import measured, metric_names
from recbole_metarec.configuration.properties import read_properties
from recbole_metarec.configuration.recbole_settings import RecBoleSettings
from recbole_metarec.configuration.rules import problem_of
from recbole_metarec.models import SPECS
from recbole_metarec.settings.protocol import LABEL_METRICS, RANKING_METRICS
from recbole_metarec.settings.shared import SharedSettings

PROPERTIES = Path(recbole.__file__).parent / "properties"
ARGUMENTS = {
    key for name in ("general", "training", "evaluation", "dataset") for key in vars(argument_list)[f"{name}_arguments"]
}
FILES = ("overall", "dataset/sample", *(f"quick_start_config/{path.stem}" for path in PROPERTIES.glob("quick*/*.yaml")))

KEYS = RecBoleSettings.model_fields.keys() | SharedSettings.model_fields.keys()

# Nothing of this is right anywhere: no key takes bytes, what is no number, or a mapping with numbers as keys.
NEVER = st.recursive(
    st.sampled_from([float("nan"), b"x", {1: 2}, [[[]]]]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2) | st.dictionaries(st.integers(), inner, min_size=1, max_size=2)
    ),
    max_leaves=3,
)

RIGHT: dict[str, list[Any]] = {
    "gpu_id": ["0", "0,1", "", 0, -1],
    "state": ["INFO", "error", None],
    "encoding": ["utf-8", "gbk", None],
    "seed": [0, 2**32 - 1],
    "learner": ["adam", "sgd"],
    "clip_grad_norm": [None, {"max_norm": 5, "norm_type": 2}],
    "transform": [None, "inverse_itemseq"],
    "train_neg_sample_args": [
        None,
        {"distribution": "popularity", "sample_num": 2, "alpha": 0.5, "dynamic": True, "candidate_num": 3},
    ],
    "eval_args": [
        {"split": {"LS": "test_only"}, "order": "TO", "mode": "uni100"},
        {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": None, "mode": {"valid": "pop20", "test": "full"}},
        {"split": {"TS": [8, 1, 1]}, "order": "TO", "group_by": "user"},
    ],
    "metrics": ["NDCG", ["Recall", "GAUC", "ItemCoverage"]],
    "topk": [10, [5, 20]],
    "field_separator": ["\t", ",", " "],
    "load_col": [None, {"inter": ["user_id"], "item": "*"}],
    "val_interval": [None, {"rating": "[3,inf)", "brand": ["a", "b"]}, {"price": "[1,2);(5,1e3]"}],
    "user_inter_num_interval": ["[5,inf)", "[5,inf);(1,2]", "(0,10]", "[0, 3.5)", None, [3, 5]],
    "threshold": [None, {"rating": 3}],
    "rm_dup_inter": [None, "first", "last"],
    "benchmark_filename": [None, ["train", "valid", "test"]],
    "preload_weight": [None, {"ent_id": "ent_emb"}],
    "discretization": [None, {"price": {"method": "ED", "bucket": 10}}, {"price": {"method": "LD"}}],
    "seq_len": [None, {"title": 20}],
    "memory_weight": ["auto", 0, 2.5],
    "dataset": ["ml-100k", "my data", "amazon-beauty"],
}
WRONG: dict[str, list[Any]] = {
    "gpu_id": ["abc", "0,", "0;1", [0, 1]],
    "state": ["NOPE", 5],
    "encoding": ["rot13", "latin-99", 5],
    "seed": [2**32, -1, 1.5],
    "learning_rate": [float("inf"), 10**400, 0],
    "memory_weight": [float("inf"), "most", -1],
    "memory_smoothing": [float("inf")],
    "clip_grad_norm": [{}, {"norm": 1}, {"max_norm": float("inf")}],
    "train_neg_sample_args": [{"distribution": "x"}, {"sample_num": 0}, "uniform"],
    "eval_args": [
        {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "labeled"},
        {"split": {"LS": "x"}, "order": "TO"},
        {"split": {"XS": [0.8, 0.1, 0.1]}, "order": "TO"},
        {"split": {"RS": [0.8, 0.2]}, "order": "TO"},
        {"split": {"RS": [0.8, 0.1, 0.2]}, "order": "TO"},
        {"split": {"RS": [1.1, -0.1, 0]}, "order": "TO"},
        {"split": {"LS": "valid_and_test", "RS": [0.8, 0.1, 0.1]}, "order": "TO"},
        {"order": "TO", "group_by": "item"},
        {"order": "TO", "mode": "uni"},
        {"order": "TO", "mode": {"train": "full"}},
        {"order": "TO", "modes": "full"},
        {"split": {"LS": "valid_only"}, "order": "TO"},
        {"split": {"TS": [0.9, 0.1, 0]}, "order": "TO"},
        {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "mode": "uni20"},
    ],
    "metrics": [[], ["AUC"], ["NDCG", "RMSE"], ["NDCG", "ndcg"]],
    "field_separator": ["", "ab", '"', None],
    "load_col": [{}, 5, ["user_id"], {"inter": "user_id"}],
    "val_interval": [5, {}, {"rating": "3"}, {"rating": []}],
    "user_inter_num_interval": [12, "abc", "[5,inf", "(5", "[5]", "[6,5]", "[nan,5]", "", "[5,inf);"],
    "threshold": [{"a": 1, "b": 2}, {"a": "x"}],
    "alias_of_user_id": ["x", [1]],
    "benchmark_filename": ["train", ["train", "test"], ["a", "a", "b"]],
    "discretization": [{"price": {"method": "ED"}}, {"price": "LD"}],
    "dataset": ["./tgt", "a/b", "..", "x" * 300, " ", "a*", "a[1]", "", "a\nb"],
    "source_datasets": [["../x"], "a", ["x" * 300]],
    "checkpoint_dir": ["", 5, "a\nb"],
    "data_path": ["", 5, "x" * 300],
    "USER_ID_FIELD": ["", ["a"], None],
}


def right_and_wrong(values: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(key, value) for key, several in values.items() for value in several]


@pytest.mark.parametrize(("key", "value"), right_and_wrong(RIGHT))
def test_documented_values_pass(key: str, value: Any) -> None:
    assert problem_of("", key, value) is None


@pytest.mark.parametrize(("key", "value"), right_and_wrong(WRONG))
def test_wrong_values_are_told_what_to_be(key: str, value: Any) -> None:
    line = problem_of("", key, value)
    assert line
    assert "must " in line or "is none of" in line
    assert "\n" not in line


def test_every_documented_key_has_a_rule() -> None:
    documented = {key for name in FILES for key in read_properties(PROPERTIES / f"{name}.yaml")}
    listed = {key for key in ARGUMENTS if not key.startswith("_")} - {"config_file"}
    assert documented | listed <= KEYS


@pytest.mark.parametrize("model", sorted({*known_models()} - SPECS.keys()))
def test_the_defaults_of_recboles_models_pass_and_nothing_senseless_does(model: str) -> None:
    for key, value in read_properties(PROPERTIES / "model" / f"{model}.yaml").items():
        assert problem_of(model, key, value) is None, key
        assert all(problem_of(model, key, never) for never in (float("nan"), {1: 2}, b"x", [[[]]])), key


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_all_wrong_settings_are_named_at_once_a_line_each(suite: Path, data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(["MetaRec", "ANT", "SASRec", "Pop"]))
    keys = sorted({*KEYS, *(SPECS[model].settings.model_fields if model in SPECS else ())} - {"benchmark_filename"})
    wrong = {key: data.draw(NEVER) for key in keys}
    lines = find_problems({**planted.settings(suite), "model": model, **wrong})
    named = [re.match(r"--(\w+)=", line) for line in lines]
    assert {*keys} <= {match[1] for match in named if match}
    assert all("\n" not in line and len(line) < 700 for line in lines)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(sorted(KEYS)), value=NEVER | st.text(max_size=8) | st.integers() | st.floats() | st.none())
def test_no_value_of_a_key_is_a_traceback(suite: Path, key: str, value: Any) -> None:
    for line in find_problems({**planted.settings(suite), key: value}):
        assert "\n" not in line


def test_recboles_metrics_are_those_that_are_listed() -> None:
    kinds = {EvaluatorType.RANKING: RANKING_METRICS, EvaluatorType.VALUE: LABEL_METRICS}
    assert metric_types == {name: kind for kind, names in kinds.items() for name in names}


def test_metrics_are_named_as_recbole_measures_them() -> None:
    assert metric_names("NDCG", [5, 10]) == ["NDCG@5", "NDCG@10"]
    assert metric_names("AveragePopularity", 10) == ["AveragePopularity@10"]
    assert metric_names("GAUC", [5, 10]) == ["GAUC"]


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        ({}, "NDCG@10"),
        ({"topk": 20}, "NDCG@20"),
        ({"topk": [20, 5]}, "NDCG@20"),
        ({"topk": 5, "metrics": ["Recall", "ndcg"]}, "ndcg@5"),
        ({"metrics": ["Recall", "MRR"]}, "Recall@10"),
        ({"metrics": "GAUC"}, "GAUC"),
        ({"metrics": ["GAUC"], "valid_metric": "gauc"}, "gauc"),
    ],
)
def test_epochs_are_chosen_by_what_is_measured_unless_the_user_says(
    suite: Path, changes: dict[str, Any], metric: str
) -> None:
    given = planted.settings(suite, **changes)
    assert resolve("MetaRec", given).values["valid_metric"] == metric
    assert find_problems(given) == []


@pytest.mark.parametrize("model", ["ANT", "Memory", "SASRec", "Pop"])
@pytest.mark.parametrize("changes", [{"topk": 20}, {"topk": [3]}, {"metrics": "GAUC"}, {"metrics": ["MAP"], "topk": 3}])
def test_nobody_is_blamed_for_a_metric_they_did_not_set(suite: Path, model: str, changes: dict[str, Any]) -> None:
    given = {"model": model, "dataset": planted.TARGET, "data_path": str(suite), "gpu_id": "", **changes}
    assert find_problems(given) == []
    config = PluginConfig(model, planted.TARGET, given)
    assert config["valid_metric"].lower() in map(str.lower, measured(config["metrics"], config["topk"]))
