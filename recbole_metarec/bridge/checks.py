"""Every setting checked before anything runs: all problems at once, one line each."""

from __future__ import annotations

import importlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import recbole
from recbole.utils import get_model
from recbole.utils.argument_list import (
    dataset_arguments,
    evaluation_arguments,
    general_arguments,
    training_arguments,
)

from recbole_metarec.bridge.checkpoint import check_origin
from recbole_metarec.bridge.columns import KEY_FIELDS
from recbole_metarec.bridge.config import PluginConfig, known_models, resolve, transfers
from recbole_metarec.bridge.data_checks import DATA_KEYS, data_problems
from recbole_metarec.bridge.loading import takes_domains
from recbole_metarec.errors import UserError, nearest, shown
from recbole_metarec.models import SPECS
from recbole_metarec.models.ant.core import load_core
from recbole_metarec.settings.rules import MODEL_RULES, RULES, Rule, like, listed, metric_names
from recbole_metarec.training import checkpoint

COMMAND_KEYS = ("model", "dataset", "config_files")

# Keys that RecBole reads and lists nowhere.
_UNLISTED = ("encoding", "numerical_features", "discretization", "loss_type", "tail_ratio")
# Keys of RecBole's functions that have no part here.
_ELSEWHERE = dict.fromkeys(
    ("nproc", "local_rank", "world_size", "group_offset", "offset", "ip", "port"),
    "leave it out: one process trains a model, --runs_at_once makes several runs at a time",
)


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
        problems.append(f"{shown('model', model)}: no such model{nearest(model, known)}")
    defaults = resolve(model, settings).defaults
    problems += _key_problems(settings, model, model in known)
    effective = {**defaults, **settings}
    implied = implied_rules(
        model if model in known else "", {key: defaults[key] for key in settings if key in defaults}
    )
    rules = {**implied, **RULES, **MODEL_RULES.get(model, {})}
    wrong = {key: line for key, rule in rules.items() if key in effective and (line := rule(effective[key]))}
    problems += [f"{shown(key, effective[key])}: {line}" for key, line in wrong.items()]
    broken = {*wrong}
    own = SPECS[model].checks if model in SPECS else ()
    for keys, check in [*_CROSS_CHECKS, *own, *_MODEL_CROSS_CHECKS.get(model, [])]:
        lines = [] if broken & {*keys} else list(check(effective))
        problems += lines
        broken |= {*keys} if lines else set()
    if not broken & DATA_KEYS:
        problems += list(data_problems(effective, settings))
    return list(dict.fromkeys(problems)) or list(_refusals(settings))


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
    return {*resolve(model, settings).defaults, *own, *COMMAND_KEYS, *_UNLISTED}


def _key_problems(settings: Mapping[str, Any], model: str, model_is_known: bool) -> Iterator[str]:
    known = model_keys(model, settings)
    if not model_is_known:
        known |= {key for rules in MODEL_RULES.values() for key in rules}
    for key in settings:
        if key not in known:
            yield f"--{key}: no such key{f'; {_ELSEWHERE[key]}' if key in _ELSEWHERE else nearest(key, known)}"


def implied_rules(model: str, defaults: Mapping[str, Any]) -> dict[str, Rule]:
    """Return the rules that RecBole's documentation of a model implies.

    Parameters
    ----------
    model : str
        Name of a known model.
    defaults : mapping
        Defaults of the settings in question.

    Returns
    -------
    dict of str to Rule
        By key of ``defaults``.
    """
    path = Path(recbole.__file__).parent / "properties" / "model" / f"{model}.yaml"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    # loss_type: 'CE'    # (str) The type of loss function. Range in ['BPR', 'CE'].
    found = re.findall(r"^([\w-]+): *['\"]?[A-Za-z0].*#.*[Rr]ang(?:e|ing) in \W*\[(.*?)\]", text, re.MULTILINE)
    choices = {key: tuple(re.findall(r"\w+", listing)) for key, listing in found}
    return {key: like(key, default, choices.get(key, ())) for key, default in defaults.items()}


def _refusals(settings: Mapping[str, Any]) -> Iterator[str]:
    """Say what RecBole's own Config refuses."""
    try:
        PluginConfig(settings["model"], settings["dataset"], settings)
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, RuntimeError) as error:
        yield f"RecBole refuses the configuration: {' '.join(str(error).split())}"


def _heads_divide(effective: Mapping[str, Any]) -> Iterator[str]:
    width, heads = effective.get("hidden_size"), effective.get("n_heads")
    divisors = {"quantizer_heads": effective.get("quantizer") and effective.get("quantizer_heads")}
    if effective.get("backbone", "transformer") == "transformer":
        divisors["n_heads"] = heads
    for key, number in divisors.items():
        if width and number and width % number:
            yield f"--{key}={number}: must divide hidden_size ({width})"


def _valid_metric_is_measured(effective: Mapping[str, Any]) -> Iterator[str]:
    measured = [name for metric in listed(effective["metrics"]) for name in metric_names(metric, effective["topk"])]
    if effective["valid_metric"].lower() not in [name.lower() for name in measured]:
        yield f"{shown('valid_metric', effective['valid_metric'])}: must be one of {', '.join(measured)}"


def _columns_differ(effective: Mapping[str, Any]) -> Iterator[str]:
    keys = ("USER_ID_FIELD", "ITEM_ID_FIELD", "TIME_FIELD", "ITEM_LIST_LENGTH_FIELD")
    columns = {key: effective[key] for key in keys}
    columns["ITEM_ID_FIELD with LIST_SUFFIX"] = effective["ITEM_ID_FIELD"] + effective["LIST_SUFFIX"]
    columns["ITEM_ID_FIELD with NEG_PREFIX"] = effective["NEG_PREFIX"] + effective["ITEM_ID_FIELD"]
    for key, column in columns.items():
        others = [other for other, name in columns.items() if name == column]
        if others[0] == key and len(others) > 1:
            yield f"--{key}={column}: {', '.join(others[1:])} is that, too; name another column"


def _aliases_differ(effective: Mapping[str, Any]) -> Iterator[str]:
    of_users, of_items = ({*(effective[f"alias_of_{kind}_id"] or ())} for kind in ("user", "item"))
    for column in sorted(of_users & of_items):
        yield f"--alias_of_user_id: {column} stands in alias_of_item_id, too; leave it out of one of them"


def _floats_are_normalized_once(effective: Mapping[str, Any]) -> Iterator[str]:
    if effective["normalize_field"] and effective["normalize_all"]:
        yield "--normalize_all=True: normalizes what normalize_field names, too; leave one of them out"


def _buckets_are_of_numbers(effective: Mapping[str, Any]) -> Iterator[str]:
    for column in effective["discretization"] or ():
        if column not in effective["numerical_features"]:
            yield f"--discretization: {column} must stand in numerical_features, too"


def _transform_is_described(effective: Mapping[str, Any]) -> Iterator[str]:
    needed = {"mask_itemseq": "mask_ratio", "crop_itemseq": "eta", "reorder_itemseq": "beta"}.get(
        effective["transform"]
    )
    if needed and needed not in effective:
        yield f"--transform={effective['transform']}: {effective['model']} has no {needed} that it needs; leave it out"


def _negatives_have_candidates(effective: Mapping[str, Any]) -> Iterator[str]:
    arguments = effective["train_neg_sample_args"] or {}
    if arguments.get("dynamic") and not arguments.get("candidate_num"):
        yield "--train_neg_sample_args: dynamic needs a candidate_num of 1 or more"


def _some_users_can_train(effective: Mapping[str, Any]) -> Iterator[str]:
    model, share = effective["model"], effective["train_users"]
    if share < 1 and model in known_models():
        kind = get_model(model).type
        if not takes_domains(model, kind, bool(effective["benchmark_filename"])):
            yield f"--train_users={share}: {model} cannot train on some of the users; leave it out"


def _what_is_delivered_is_trained(effective: Mapping[str, Any]) -> Iterator[str]:
    asked, model = effective["deliver"], effective["model"]
    if asked == "auto" or model not in SPECS or SPECS[model].scratch is None:
        return
    if not transfers(model, effective):
        yield f"--deliver={asked}: there is one model only without sources; leave it out"
    elif asked != "transfer" and not effective["scratch_control"]:
        yield f"--deliver={asked}: is not trained with --scratch_control=False; leave one of them out"


def _files_can_be_written(effective: Mapping[str, Any]) -> Iterator[str]:
    if effective["result_file"]:
        yield from file_problems("result_file", effective["result_file"], (".json",))
    yield from folder_problems("checkpoint_dir", effective["checkpoint_dir"])
    if effective["model"] in SPECS and SPECS[effective["model"]].reads_features(effective):
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
    if file and effective["model"] not in SPECS:
        yield f"--resume={file}: {effective['model']} cannot go on from a checkpoint; leave it out"
    elif file:
        try:
            check_origin(Path(file), checkpoint.load(Path(file)), effective)
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


def _packages_are_there(effective: Mapping[str, Any]) -> Iterator[str]:
    needed = {
        "--log_wandb=True": ("wandb", "Weights & Biases; pip install wandb", effective["log_wandb"]),
        "--model=NCL": ("faiss", "faiss; pip install faiss-cpu", effective["model"] == "NCL"),
    }
    for option, (package, named, used) in needed.items():
        try:
            if used:
                importlib.import_module(package)
        except ImportError:
            yield f"{option}: needs {named}"


CrossCheck = tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Iterator[str]]]
"""A check of several keys together; it is left out where one of them is wrong already."""

_CROSS_CHECKS: list[CrossCheck] = [
    (("metrics", "topk", "valid_metric"), _valid_metric_is_measured),
    (("log_wandb",), _packages_are_there),
    (("train_users", "benchmark_filename"), _some_users_can_train),
    (("deliver", "scratch_control", "source_datasets", "adapt", "pretrained"), _what_is_delivered_is_trained),
    (("hidden_size", "quantizer_heads", "n_heads", "quantizer", "backbone"), _heads_divide),
    ((*KEY_FIELDS, "ITEM_LIST_LENGTH_FIELD", "LIST_SUFFIX", "NEG_PREFIX"), _columns_differ),
    (("alias_of_user_id", "alias_of_item_id"), _aliases_differ),
    (("normalize_field", "normalize_all"), _floats_are_normalized_once),
    (("discretization", "numerical_features"), _buckets_are_of_numbers),
    (("transform",), _transform_is_described),
    (("train_neg_sample_args",), _negatives_have_candidates),
    (("result_file", "checkpoint_dir", "feature_cache"), _files_can_be_written),
    (("allow_pickle", "dataset_save_path", "dataloaders_save_path"), _pickles_are_allowed),
    (("resume", "dataset", "source_datasets"), _run_can_be_resumed),
    (("modalities", "image_encoder", "image_weights", "image_folder"), _pictures_can_be_encoded),
]
_MODEL_CROSS_CHECKS: dict[str, list[CrossCheck]] = {
    "ANT": [
        (("pretrained", "adapt"), _core_can_be_read),
    ],
}
