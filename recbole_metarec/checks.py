"""Every setting checked before anything runs: all problems at once, one line each."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import recbole
from recbole.evaluator.register import metrics_dict
from recbole.utils.argument_list import (
    dataset_arguments,
    evaluation_arguments,
    general_arguments,
    training_arguments,
)

from recbole_metarec.config import MODELS, property_layers, read_properties
from recbole_metarec.data import movielens
from recbole_metarec.data.atomic import read_header, read_interactions
from recbole_metarec.errors import UserError
from recbole_metarec.model.backbone import BACKBONES

Rule = Callable[[Any], str | None]
"""Says what a value must be if it is not."""

COMMAND_KEYS = ("model", "dataset", "config_files")


def _number(kind: str, low: float, high: float, open_low: bool, optional: bool) -> Rule:
    types = (int,) if kind == "whole number" else (int, float)
    above = f"above {low}" if open_low else f"{low} or more"
    span = above if high == float("inf") else f"{above} and {high} at most"

    def rule(value: Any) -> str | None:
        if value is None and optional:
            return None
        good = isinstance(value, types) and not isinstance(value, bool)
        if good and low <= value <= high and not (open_low and value == low):
            return None
        return f"must be a {kind}, {span}{', or ~' if optional else ''}"

    return rule


def whole(low: int, optional: bool = False) -> Rule:
    """Return the rule of a whole number of ``low`` or more."""
    return _number("whole number", low, float("inf"), False, optional)


def number(low: float, high: float = float("inf"), above: bool = False, optional: bool = False) -> Rule:
    """Return the rule of a number in ``[low, high]``, or in ``(low, high]`` if ``above``."""
    return _number("number", low, high, above, optional)


def choice(*names: str) -> Rule:
    """Return the rule of one of several names."""
    return lambda value: None if value in names else f"must be one of {', '.join(names)}"


def switch(value: Any) -> str | None:
    """Check for a truth value."""
    return None if isinstance(value, bool) else "must be True or False"


def text(value: Any) -> str | None:
    """Check for a string or nothing."""
    return None if value is None or isinstance(value, str) else "must be text"


def names(value: Any) -> str | None:
    """Check for a list of names."""
    good = isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)
    return None if good or value is None else "must be a list of names, as in [baby,beauty]"


def _topk(value: Any) -> str | None:
    values = value if isinstance(value, (list, tuple)) else [value]
    good = values and all(whole(1)(k) is None for k in values)
    return None if good else "must be a whole number of 1 or more, or a list of them, as in [5,10]"


def _metrics(value: Any) -> str | None:
    values = value if isinstance(value, (list, tuple)) else [value]
    good = values and all(isinstance(name, str) and name.lower() in metrics_dict for name in values)
    return None if good else f"must list some of {', '.join(sorted(metrics_dict))}"


def _eval_args(value: Any) -> str | None:
    good = isinstance(value, Mapping) and value.get("order") == "TO"
    return None if good else "order must be TO, as in {split: {LS: valid_and_test}, order: TO, mode: full}"


RULES: dict[str, Rule] = {
    # RecBole's, where its own failure would be a traceback
    "epochs": whole(1),
    "train_batch_size": whole(1),
    "eval_batch_size": whole(1),
    "eval_step": whole(1),
    "stopping_step": whole(0),
    "learning_rate": number(0, above=True),
    "weight_decay": number(0),
    "learner": choice("adam", "adamw", "sgd", "adagrad", "rmsprop"),
    "seed": whole(0),
    "MAX_ITEM_LIST_LENGTH": whole(1),
    "metric_decimal_place": whole(1),
    "topk": _topk,
    "metrics": _metrics,
    "eval_args": _eval_args,
    # properties/overall.yaml
    "source_datasets": names,
    "mask_history": switch,
    "scratch_control": switch,
    "result_file": text,
    "bootstrap_samples": whole(100),
}

MODEL_RULES: dict[str, dict[str, Rule]] = {
    "MetaRec": {
        "backbone": choice(*BACKBONES),
        "hidden_size": whole(1),
        "n_layers": whole(1),
        "n_heads": whole(1),
        "inner_size": whole(1),
        "hidden_dropout_prob": number(0, 1),
        "attn_dropout_prob": number(0, 1),
        "initializer_range": number(0, above=True),
        "item_init": choice("normal", "cooccurrence"),
        "item_init_reach": whole(1),
        "quantizer": switch,
        "quantizer_heads": whole(1),
        "codebook_size": whole(2),
        "code_size": whole(1),
        "quantizer_weight": number(0),
        "commitment_weight": number(0),
        "codebook_update": choice("gradient", "moving_average"),
        "codebook_decay": number(0, 1),
        "quantizer_residual": switch,
        "score_with": choice("quantized", "embedding"),
        "dead_code_threshold": number(0),
        "softmax": choice("full", "sampled", "auto"),
        "full_softmax_max_items": whole(0),
        "n_negatives": whole(1),
        "negative_power": number(0),
        "warmup_epochs": whole(0),
        "meta_epochs": whole(0),
        "max_grad_norm": number(0, above=True, optional=True),
        "inner_steps": whole(1),
        "inner_learning_rate": number(0, above=True),
        "learn_inner_rates": switch,
        "inner_rate_learning_rate": number(0, above=True),
        "second_order": switch,
        "sources_per_step": whole(1, optional=True),
        "similarity_scope": choice("global", "tensor"),
        "similarity_smoothing": number(0, 1),
        "temperature": number(0, above=True),
        "source_share": number(0),
    }
}


def find_problems(settings: Mapping[str, Any]) -> list[str]:
    """Check settings and the data that they name.

    Parameters
    ----------
    settings : mapping
        ``model`` and ``dataset``, and what else the user set.

    Returns
    -------
    list of str
        One line each; empty if all is well.
    """
    model = settings["model"]
    known = known_models()
    problems = []
    if model not in known:
        problems.append(f"--model={model}: no such model{_nearest(model, known)}")
    defaults = default_settings(model, settings)
    problems += _key_problems(settings, defaults)
    effective = {**defaults, **settings}
    rules = {**RULES, **MODEL_RULES.get(model, {})}
    broken = {key: wrong for key, rule in rules.items() if key in effective and (wrong := rule(effective[key]))}
    problems += [f"--{key}={effective[key]}: {wrong}" for key, wrong in broken.items()]
    problems += _type_problems(settings, defaults, rules)
    cross_checks = _CROSS_CHECKS + _MODEL_CROSS_CHECKS.get(model, [])
    problems += [line for keys, check in cross_checks if not broken.keys() & set(keys) for line in check(effective)]
    if "source_datasets" not in broken:
        problems += list(_data_problems(effective))
    return problems


def known_models() -> list[str]:
    """Return the names of all models that run on a target's sequences: this package's and RecBole's."""
    found = set(MODELS)
    for kind in ("sequential", "general"):
        package = importlib.import_module(f"recbole.model.{kind}_recommender")
        found |= {name for name, value in vars(package).items() if isinstance(value, type)}
    return sorted(found)


def default_settings(model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Merge all property layers below the user's own settings.

    Parameters
    ----------
    model : str
        Name of a model, known or not.
    settings : mapping
        What the user set.

    Returns
    -------
    dict
    """
    folder = Path(recbole.__file__).parent / "properties"
    merged: dict[str, Any] = {}
    for name in ("overall", f"model/{model}", "dataset/sample", "quick_start_config/sequential"):
        merged.update(read_properties(folder / f"{name}.yaml"))
    return {**merged, **property_layers(model, str(settings.get("dataset")), settings)}


def _nearest(name: str, known: Collection[str]) -> str:
    lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(str(name).lower(), lower, n=3)
    return f"; did you mean {' or '.join(lower[match] for match in close)}?" if close else ""


def _key_problems(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    own = (*general_arguments, *training_arguments, *evaluation_arguments, *dataset_arguments)
    known = {*defaults, *own, *COMMAND_KEYS, "encoding", "numerical_features", "discretization", "loss_type"}
    if settings["model"] not in known_models():
        known |= {key for rules in MODEL_RULES.values() for key in rules}
    for key in settings:
        if key not in known:
            yield f"--{key}: no such key{_nearest(key, known)}"


def _type_problems(
    settings: Mapping[str, Any], defaults: Mapping[str, Any], rules: Mapping[str, Rule]
) -> Iterator[str]:
    kinds = {bool: ("True or False", (bool,)), int: ("a whole number", (int,)), float: ("a number", (int, float))}
    for key, value in settings.items():
        default = defaults.get(key)
        if key in rules or type(default) not in kinds:
            continue
        wanted, types = kinds[type(default)]
        if not isinstance(value, types) or (isinstance(value, bool) and type(default) is not bool):
            yield f"--{key}={value}: must be {wanted}, as the default {default} is"


def _heads_divide(effective: Mapping[str, Any]) -> Iterator[str]:
    width = effective["hidden_size"]
    divisors = {"quantizer_heads": effective["quantizer"], "n_heads": effective["backbone"] == "transformer"}
    for key, used in divisors.items():
        if used and width % effective[key]:
            yield f"--{key}={effective[key]}: must divide hidden_size ({width})"


def _valid_metric_is_measured(effective: Mapping[str, Any]) -> Iterator[str]:
    measured, ks = effective["metrics"], effective["topk"]
    measured = [measured] if isinstance(measured, str) else measured
    ks = ks if isinstance(ks, (list, tuple)) else [ks]
    candidates = [f"{metric}@{k}" for metric in measured for k in ks]
    if str(effective["valid_metric"]).lower() not in [candidate.lower() for candidate in candidates]:
        yield f"--valid_metric={effective['valid_metric']}: must be one of {', '.join(candidates)}"


def _result_file_can_be_written(effective: Mapping[str, Any]) -> Iterator[str]:
    path = effective["result_file"]
    if path and (Path(path).is_dir() or not path.endswith(".json")):
        yield f"--result_file={path}: must be the name of a .json file"


CrossCheck = tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Iterator[str]]]
"""A check of several keys together; it is left out where one of them is wrong already."""

_CROSS_CHECKS: list[CrossCheck] = [
    (("metrics", "topk"), _valid_metric_is_measured),
    (("result_file",), _result_file_can_be_written),
]
_MODEL_CROSS_CHECKS: dict[str, list[CrossCheck]] = {
    "MetaRec": [
        (("hidden_size", "quantizer_heads", "n_heads", "quantizer", "backbone"), _heads_divide),
    ]
}


def _data_problems(effective: Mapping[str, Any]) -> Iterator[str]:
    target, sources = effective["dataset"], list(effective["source_datasets"] or [])
    ours = effective["model"] in MODELS
    sources = sources if ours else []
    if target in sources:
        yield f"--source_datasets: {target} is the target; name other domains as sources"
    for name in sorted({name for name in sources if sources.count(name) > 1}):
        yield f"--source_datasets: {name} stands there twice; name it once"
    if ours and effective.get("benchmark_filename"):
        yield "--benchmark_filename: MetaRec needs whole sequences; give one .inter file and leave this out"
        return
    root = Path(effective["data_path"])
    for name in dict.fromkeys([target, *sources]):
        try:
            longest = _longest_sequence(root, name, effective)
        except UserError as error:
            yield from error.problems
            continue
        needed = 4 if ours and name == target else 3 if name == target else 2
        if longest < needed:
            yield (
                f"{root / name}: no sequence is long enough: the longest has {longest} interactions, "
                f"{'a target' if name == target else 'a source'} needs users with {needed}; choose another dataset"
            )


def _longest_sequence(root: Path, name: str, effective: Mapping[str, Any]) -> int:
    """Read a domain's file, and count its longest sequence."""
    embedded = name.startswith(movielens.PREFIX) and not (root / name).exists()
    made = movielens.make_domains(root) if embedded else []
    path = root / name / f"{name}.inter"
    if not path.parent.is_dir():
        there = made or sorted(folder.name for folder in root.glob("*/") if (folder / f"{folder.name}.inter").is_file())
        listed = f"; there are {', '.join(there)}" if there else "; there are none"
        raise UserError([f"{path.parent}: no such dataset{_nearest(name, there) or listed}; data_path is {root}"])
    user, item, time = (effective[f"{field}_FIELD"] for field in ("USER_ID", "ITEM_ID", "TIME"))
    separator, encoding = effective["field_separator"], effective.get("encoding") or "utf-8"
    if effective.get("benchmark_filename"):
        return 3
    header = read_header(path, separator, encoding)
    kinds = {user: "token", item: "token", time: "float"}
    wrong = [
        f"{path}: line 1: field {field!r} is of type {header[field]}, write {field}:{kind}"
        for field, kind in kinds.items()
        if header.get(field, kind) != kind
    ]
    if wrong:
        raise UserError(wrong)
    frame = read_interactions(path, [user, item, time], separator, encoding)
    return int(frame[user].value_counts().max())
