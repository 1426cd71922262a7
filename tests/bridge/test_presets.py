"""Presets: what they resolve to, what lies above them, and what is said of one that is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import planted
import pytest
from recbole.config import Config

from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig, from_plain, to_plain
from recbole_metarec.configuration.layers import resolve
from recbole_metarec.configuration.presets import preset_layer
from recbole_metarec.configuration.properties import properties_folder, read_properties
from recbole_metarec.errors import UserError
from recbole_metarec.models import SPECS
from recbole_metarec.settings.base import problem
from recbole_metarec.settings.features import FeatureSettings
from recbole_metarec.settings.suite import SuiteSettings

PUBLISHED: dict[str, dict[str, Any]] = {
    "MetaRec": {
        "quantizer": "multi_head",
        "quantizer_heads": 8,
        "codebook_size": 256,
        "quantizer_residual": False,
        "score_with": "quantized",
        "inner_steps": 3,
        "learn_inner_rates": True,
        "second_order": True,
        "source_share": 0,
        "source_weighting": "similarity",
        "similarity_smoothing": 0,
        "split_target": False,
        "memory_weight": 0,
        "timed_evidence": False,
        "repeat_items": True,
    },
    "ANT": {
        "n_experts": 8,
        "hidden_size": 256,
        "inner_size": 256,
        "text_size": 768,
        "positions": "start",
        "attn_dropout_prob": 0.5,
        "temperature": 0.07,
        "softmax": "full",
        "adapt": "relearn",
        "thaw_after": None,
        "pretrain_epochs": 300,
        "learner": "adam",
        "clip_grad_norm": None,
        "memory_weight": 0,
        "timed_evidence": False,
        "repeat_items": True,
    },
}
# Settings of the two models that no preset says anything of: data, protocol and seed are the user's, what is read and
# kept of features is a matter of files, and what is left is of no account beside what the preset has.
FREE = {*SuiteSettings.model_fields, *FeatureSettings.model_fields, "train_neg_sample_args", "transform", "seed"}
IDLE = {
    "MetaRec": {"positions", "n_heads", "attn_dropout_prob", "codebook_decay", "item_init_reach"},
    "ANT": {"full_softmax_max_items", "n_negatives", "negative_power", "pretrained"},
}
PRESETS = [(model, preset) for model, spec in SPECS.items() for preset in spec.presets]


def is_of_evidence_or_features(key: str) -> bool:
    return key.startswith(("memory_", "evidence_")) or key in ("n_experts", "adapter_dropout_prob", "fusion_weight")


@pytest.mark.parametrize("model", PUBLISHED)
def test_a_preset_resolves_to_what_its_file_says_and_leaves_no_setting_of_the_model_to_its_default(model: str) -> None:
    values = preset_layer(model, "paper")
    resolved = resolve(model, {"model": model, "preset": "paper"})
    assert {key: resolved[key] for key in values} == values
    assert {key: values[key] for key in PUBLISHED[model]} == PUBLISHED[model]
    unsaid = SPECS[model].settings.model_fields.keys() - values.keys() - FREE - IDLE[model]
    assert {key for key in unsaid if not is_of_evidence_or_features(key)} == set()
    others = resolve(model, {"model": model}).defaults
    assert {key: value for key, value in resolved.defaults.items() if key not in values} == {
        key: value for key, value in others.items() if key not in values
    }


@pytest.mark.parametrize(("model", "preset"), PRESETS)
def test_each_line_of_a_preset_is_a_good_value_with_its_source(model: str, preset: str) -> None:
    path = properties_folder() / SPECS[model].presets[preset]
    text, values = path.read_text(encoding="utf-8"), read_properties(path)
    assert all(problem(SPECS[model].settings, key, value) is None for key, value in values.items())
    _, *blocks = re.split(r"\n\n(?=# REC)", text)
    said = [re.match(r"# (?:RECOVERED|RECONSTRUCTED): (?:.*\n#?)*?(\w+): ", block) for block in blocks]
    assert [match and match[1] for match in said] == list(values)
    assert max(map(len, text.splitlines())) <= 120


def test_what_the_user_sets_and_what_a_dataset_says_lie_above_a_preset(tmp_path: Path) -> None:
    user = {"model": "MetaRec", "preset": "paper", "data_path": str(tmp_path), "inner_steps": 2, "gpu_id": ""}
    assert resolve("MetaRec", user)["inner_steps"] == 2
    assert resolve("MetaRec", user)["quantizer_heads"] == 8
    assert len(resolve("MetaRec", user)["source_datasets"] or []) == len(resolve("MetaRec", {})["source_datasets"])
    for config in (
        PluginConfig("MetaRec", planted.TARGET, user),
        Config(model="MetaRec", dataset=planted.TARGET, config_dict=user),
        from_plain(to_plain(PluginConfig("MetaRec", planted.TARGET, user))),
    ):
        assert (config["inner_steps"], config["quantizer_heads"], config["preset"]) == (2, 8, "paper")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"preset": "papers"}, "--preset=papers: MetaRec has no such preset; write paper"),
        (
            {"preset": "paper", "model": "SASRec", "source_datasets": []},
            "--preset=paper: SASRec has no presets; leave it out; there are MetaRec:paper, ANT:paper",
        ),
        ({"preset": 3}, "--preset=3: must be a name, or ~"),
        ({"preset": "paper", "hidden_size": 12}, "--quantizer_heads=8: must divide hidden_size (12)"),
    ],
)
def test_a_preset_that_is_not_there_is_one_line(suite: Path, changes: dict[str, Any], wanted: str) -> None:
    settings = planted.settings(suite)
    common = {key: settings[key] for key in ("model", "dataset", "source_datasets", "data_path", "gpu_id")}
    assert find_problems({**common, **changes}) == [wanted]


def test_recboles_own_functions_refuse_it_too(suite: Path) -> None:
    with pytest.raises(UserError, match="MetaRec has no such preset; write paper"):
        Config(model="MetaRec", dataset=planted.TARGET, config_dict={"data_path": str(suite), "preset": "papers"})
