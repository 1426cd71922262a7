"""Every setting checked before anything runs: all problems at once, one line each."""

from __future__ import annotations

import difflib
import importlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import recbole
from recbole.utils.argument_list import (
    dataset_arguments,
    evaluation_arguments,
    general_arguments,
    training_arguments,
)

from recbole_metarec import checkpoint
from recbole_metarec.config import MODELS, property_layers, read_properties
from recbole_metarec.data import movielens
from recbole_metarec.data.amazon.vintages import made_by
from recbole_metarec.data.atomic import read_header, read_interactions
from recbole_metarec.errors import UserError
from recbole_metarec.model.core import load_core
from recbole_metarec.rules import MODEL_RULES, RULES, Rule

COMMAND_KEYS = ("model", "dataset", "config_files")
SOURCE_EPOCHS = ("warmup_epochs", "meta_epochs")


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
    problems += _key_problems(settings, model, model in known)
    effective = {**defaults, **settings}
    rules = {**RULES, **MODEL_RULES.get(model, {})}
    broken = {key: wrong for key, rule in rules.items() if key in effective and (wrong := rule(effective[key]))}
    problems += [f"--{key}={effective[key]}: {wrong}" for key, wrong in broken.items()]
    problems += _type_problems(settings, defaults, rules)
    cross_checks = _CROSS_CHECKS + _MODEL_CROSS_CHECKS.get(model, [])
    problems += [line for keys, check in cross_checks if not broken.keys() & set(keys) for line in check(effective)]
    if not broken.keys() & {"dataset", "data_path", "source_datasets"}:
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


def effective_settings(model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Merge all property layers, the user's own settings on top; see `default_settings`."""
    return {**default_settings(model, settings), **settings}


def _nearest(name: str, known: Collection[str]) -> str:
    lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(str(name).lower(), lower, n=3)
    return f"; did you mean {' or '.join(lower[match] for match in close)}?" if close else ""


def model_keys(model: str, settings: Mapping[str, Any]) -> set[str]:
    """Return the keys that a model's runs know.

    Parameters
    ----------
    model : str
        Name of a model.
    settings : mapping
        What the user set; ``dataset`` counts.

    Returns
    -------
    set of str
    """
    own = (*general_arguments, *training_arguments, *evaluation_arguments, *dataset_arguments)
    others = ("encoding", "numerical_features", "discretization", "loss_type")
    return {*default_settings(model, settings), *own, *COMMAND_KEYS, *others}


def _key_problems(settings: Mapping[str, Any], model: str, model_is_known: bool) -> Iterator[str]:
    known = model_keys(model, settings)
    if not model_is_known:
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
    divisors = {"quantizer_heads": effective.get("quantizer"), "n_heads": effective["backbone"] == "transformer"}
    for key, used in divisors.items():
        if used and width % effective.get(key, 1):
            yield f"--{key}={effective[key]}: must divide hidden_size ({width})"


def _freezing_makes_sense(effective: Mapping[str, Any]) -> Iterator[str]:
    if not effective["freeze"] or not effective["source_datasets"]:
        return
    if effective["meta_epochs"] is None:
        yield "--freeze=True: is for fine-tuning, which there is none of; set meta_epochs to a number, such as 10"
    elif not any(effective[key] for key in SOURCE_EPOCHS):
        yield f"--freeze=True: shared parameters learn nothing without {' or '.join(SOURCE_EPOCHS)}; set one above 0"


def _valid_metric_is_measured(effective: Mapping[str, Any]) -> Iterator[str]:
    measured, ks = _listed(effective["metrics"]), _listed(effective["topk"])
    candidates = [f"{metric}@{k}" for metric in measured for k in ks]
    if str(effective["valid_metric"]).lower() not in [candidate.lower() for candidate in candidates]:
        yield f"--valid_metric={effective['valid_metric']}: must be one of {', '.join(candidates)}"


def _files_can_be_written(effective: Mapping[str, Any]) -> Iterator[str]:
    if effective["result_file"]:
        yield from file_problems("result_file", effective["result_file"], (".json",))
    yield from folder_problems("checkpoint_dir", effective["checkpoint_dir"])
    if effective["model"] == "ANT" or effective.get("item_features"):
        yield from folder_problems("feature_cache", effective["feature_cache"])
    for folder in ("log", "log_tensorboard"):  # RecBole's, in the working folder
        if why := _why_not_written(Path(folder).absolute()):
            yield f"{folder}: cannot be written, {why}; run the command in another folder"


def file_problems(key: str, name: str, endings: Sequence[str]) -> Iterator[str]:
    """Check that a file of one of several endings can be written.

    Parameters
    ----------
    key : str
        The setting that names it.
    name : str
        Its name.
    endings : sequence of str
        As in ``.json``.

    Yields
    ------
    str
        One line for each problem.
    """
    option, path = f"--{key}={name}", Path(os.path.realpath(name))
    if os.path.isdir(path) or path.suffix not in endings:
        yield f"{option}: must be the name of a {' or '.join(endings)} file"
    elif why := _why_not_written(path.parent, path.name):
        yield f"{option}: cannot be written, {why}"


def folder_problems(key: str, name: str) -> Iterator[str]:
    """Check that files can be written to a folder, which is made if it lacks; see `file_problems`."""
    if why := _why_not_written(Path(os.path.realpath(name))):
        yield f"--{key}={name}: cannot be written, {why}"


def _why_not_written(folder: Path, name: str = "") -> str | None:
    """Try to write to a folder, or to the one in which it would be made: permissions tell not all to everybody."""
    try:
        folder = next(parent for parent in (folder, *folder.parents) if parent.exists())
        with tempfile.NamedTemporaryFile(prefix=f".{name}.", suffix=8 * "0", dir=folder):
            return None
    except (OSError, ValueError) as error:
        return f"{folder} is no folder that you may write to ({getattr(error, 'strerror', error)})"


def _pickles_are_allowed(effective: Mapping[str, Any]) -> Iterator[str]:
    for key in ("dataset_save_path", "dataloaders_save_path"):
        if effective[key] and not effective["allow_pickle"]:
            yield f"--{key}={effective[key]}: is a pickle, which can run code; leave it out, or allow_pickle"


def _run_can_be_resumed(effective: Mapping[str, Any]) -> Iterator[str]:
    file = effective["resume"]
    if file and effective["model"] not in MODELS:
        yield f"--resume={file}: {effective['model']} cannot go on from a checkpoint; leave it out"
    elif file:
        try:
            checkpoint.check_origin(Path(file), checkpoint.load(Path(file)), effective)
        except UserError as error:
            yield from (f"--resume={problem}" for problem in error.problems)


def _core_can_be_read(effective: Mapping[str, Any]) -> Iterator[str]:
    path, adapt = effective["pretrained"], effective["adapt"]
    if path and adapt == "scratch":
        yield f"--pretrained={path}: has no part in --adapt=scratch; leave one of them out"
    elif path and not Path(path).is_file():
        yield f"--pretrained={path}: no such file; a core is written beside the checkpoints as *-core.pth"
    elif adapt in ("finetune", "frozen") and not path and not effective["source_datasets"]:
        yield f"--adapt={adapt}: there is nothing to adapt; name source_datasets or a file as pretrained"
    elif path:
        try:
            load_core(Path(path), effective)
        except UserError as error:
            yield from error.problems


def _pictures_can_be_encoded(effective: Mapping[str, Any]) -> Iterator[str]:
    encoder, weights, folder = (effective[f"image_{key}"] for key in ("encoder", "weights", "folder"))
    if "image" not in effective["modalities"] or encoder == "vectors":
        return
    if not weights or not Path(weights).is_file():
        yield f"--image_weights={weights}: {encoder} needs a file of its weights; download it first"
    if not folder or not Path(folder).is_dir():
        yield f"--image_folder={folder}: {encoder} needs a folder with the pictures of each domain in NAME/"


def _wandb_is_there(effective: Mapping[str, Any]) -> Iterator[str]:
    if not effective["log_wandb"]:
        return
    try:
        importlib.import_module("wandb")
    except ImportError:
        yield "--log_wandb=True: needs Weights & Biases; pip install wandb"


CrossCheck = tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Iterator[str]]]
"""A check of several keys together; it is left out where one of them is wrong already."""

_CROSS_CHECKS: list[CrossCheck] = [
    (("metrics", "topk"), _valid_metric_is_measured),
    (("log_wandb",), _wandb_is_there),
    (("result_file", "checkpoint_dir", "feature_cache"), _files_can_be_written),
    (("allow_pickle",), _pickles_are_allowed),
    (("resume", "dataset", "source_datasets"), _run_can_be_resumed),
    (("modalities", "image_encoder", "image_weights", "image_folder"), _pictures_can_be_encoded),
]
_MODEL_CROSS_CHECKS: dict[str, list[CrossCheck]] = {
    "MetaRec": [
        (("hidden_size", "quantizer_heads", "n_heads", "quantizer", "backbone"), _heads_divide),
        (("freeze", "source_datasets", *SOURCE_EPOCHS), _freezing_makes_sense),
    ],
    "ANT": [
        (("hidden_size", "n_heads", "backbone"), _heads_divide),
        (("pretrained", "adapt"), _core_can_be_read),
    ],
}


def _data_problems(effective: Mapping[str, Any]) -> Iterator[str]:
    target, sources = effective["dataset"], list(effective["source_datasets"] or [])
    ours = effective["model"] in MODELS
    sources = sources if ours else []
    if target in sources:
        yield f"--source_datasets: {target} is the target; name other domains as sources"
    for name in sorted({name for name in sources if sources.count(name) > 1}):
        yield f"--source_datasets: {name} stands there twice; name it once"
    if effective.get("benchmark_filename"):
        if ours:
            model = effective["model"]
            yield f"--benchmark_filename: {model} needs whole sequences; give one .inter file and leave this out"
        return
    for name in dict.fromkeys([target, *sources]):
        # leave-one-out takes two items of the target, and one to start from is no training for MetaRec
        needed = 2 if name != target else 4 if ours else 3
        try:
            yield from _domain_problems(Path(effective["data_path"]), name, needed, effective)
        except UserError as error:
            yield from error.problems


def _domain_problems(root: Path, name: str, needed: int, effective: Mapping[str, Any]) -> Iterator[str]:
    is_target = name == effective["dataset"]
    user, item, time = (effective[f"{field}_FIELD"] for field in ("USER_ID", "ITEM_ID", "TIME"))
    separator, encoding = effective["field_separator"], effective.get("encoding") or "utf-8"
    path = _inter_file(root, name)
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
    longest, n_items = int(frame[user].value_counts().max()), int(frame[item].nunique())
    if longest < needed:
        yield (
            f"{path}: no sequence is long enough: the longest has {longest} interactions, "
            f"{'a target' if is_target else 'a source'} needs users with {needed}; choose another dataset"
        )
    elif is_target and RULES["topk"](effective["topk"]) is None and max(_listed(effective["topk"])) > n_items:
        yield f"--topk={effective['topk']}: {name} has {n_items} items only; write a smaller number"


def _inter_file(root: Path, name: str) -> Path:
    """Find a domain's file, and make it if it is one of the embedded ones."""
    embedded = name.startswith(movielens.PREFIX) and not (root / name).exists()
    made = movielens.make_domains(root) if embedded else []
    path = root / name / f"{name}.inter"
    if not path.parent.is_dir():
        there = made or sorted(folder.name for folder in root.glob("*/") if (folder / f"{folder.name}.inter").is_file())
        listed = f"; there are {', '.join(there)}" if there else "; there are none"
        command = made_by(name)
        hint = _nearest(name, there) or (f"; make it with {command}" if command else listed)
        raise UserError([f"{path.parent}: no such dataset{hint}; data_path is {root}"])
    return path


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
