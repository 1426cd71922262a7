"""Every setting checked before anything runs: all problems at once, one line each, but for what RecBole refuses."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recbole_metarec.configuration.columns import KEY_FIELDS
from recbole_metarec.configuration.data_checks import DATA_KEYS, data_problems
from recbole_metarec.configuration.layers import Resolved, known_models, resolve, transfers
from recbole_metarec.configuration.metrics import measured
from recbole_metarec.configuration.presets import preset_problems
from recbole_metarec.configuration.recbole_source import listed_keys, models_with_own_dataset, sequential_models
from recbole_metarec.configuration.rules import problem_of
from recbole_metarec.configuration.writable import file_problems, folder_problems
from recbole_metarec.errors import UserError, nearest, shown
from recbole_metarec.files import why_not_written
from recbole_metarec.models import SPECS
from recbole_metarec.settings.backbone import HEADS_DIVIDE
from recbole_metarec.settings.base import CrossCheck
from recbole_metarec.settings.protocol import points_of
from recbole_metarec.settings.suite import DEFAULT_TARGET
from recbole_metarec.training.environment import asked

COMMAND_KEYS = ("model", "dataset", "config_files")

# Keys without a default: the command line's, and those that RecBole reads and lists nowhere.
_LISTED = (*COMMAND_KEYS, "encoding", "numerical_features", "discretization", "loss_type", "tail_ratio")
# Keys of RecBole's functions that have no part here.
_ELSEWHERE = dict.fromkeys(
    ("local_rank", "world_size", "group_offset", "offset", "ip", "port"),
    "leave it out: --nproc starts processes on this machine, torchrun on several",
)


def sound(settings: Mapping[str, Any]) -> Resolved:
    """Resolve and check the settings of a run, but for what RecBole alone can tell.

    Parameters
    ----------
    settings : mapping
        ``model``, and what else the user set.

    Returns
    -------
    Resolved

    Raises
    ------
    UserError
        If a setting or a dataset is wrong: all of it.
    """
    model = settings.get("model")
    if not isinstance(model, str) or not model:
        raise UserError([f"{shown('model', model)}: must be the name of a model; write --model=MetaRec"])
    resolved = resolve(model, {"dataset": DEFAULT_TARGET, **settings})
    problems = [*_problems_of_processes(resolved), *problems_of(resolved)]
    if problems:
        raise UserError(problems)
    return resolved


def _problems_of_processes(resolved: Resolved) -> Iterator[str]:
    number, there = resolved["nproc"], asked()
    if not isinstance(number, int) or max(number, there) == 1:
        return
    if resolved.model and resolved.spec is None:
        yield f"--nproc={max(number, there)}: {resolved.model} is a model of RecBole, which one process trains here"
    elif there == 1:
        yield f"--nproc={number}: is for the command line; start this program with torchrun --nproc_per_node={number}"
    elif number not in (1, there):
        yield f"--nproc={number}: there are {there} processes already; leave it out"


def problems_of(resolved: Resolved) -> list[str]:
    """Check settings and the data that they name.

    Parameters
    ----------
    resolved : Resolved
        ``model`` and ``dataset`` are among what the user set.

    Returns
    -------
    list of str
        One line each; empty if all is well.
    """
    settings, effective = resolved.user, resolved.values
    model = settings["model"]
    problems = [*_unknown_names(model, settings, known_keys(resolved))]
    wrong = {key: line for key, value in effective.items() if (line := _value_problem(model, key, value))}
    problems += [f"{shown(key, effective[key])}: {line}" for key, line in wrong.items()]
    broken = {*wrong}
    for keys, check in _checks_of(model):
        lines = [] if broken & {*keys} else list(check(effective))
        problems += lines
        broken |= {*keys} if lines else set()
    if not broken & DATA_KEYS:
        problems += list(data_problems(effective, settings))
    return list(dict.fromkeys(problems))


def known_keys(resolved: Resolved) -> set[str]:
    """Return the keys that runs of a model know, given what is resolved for it."""
    return {*resolved.defaults, *_LISTED, *listed_keys()}


def _unknown_names(model: str, settings: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    if model not in known_models():
        yield f"{shown('model', model)}: no such model{nearest(model, known_models())}"
        known = known | {key for spec in SPECS.values() for key in spec.settings.model_fields}
    for key in settings:
        if key not in known:
            yield f"--{key}: no such key{f'; {_ELSEWHERE[key]}' if key in _ELSEWHERE else nearest(key, known)}"


def _value_problem(model: str, key: str, value: object) -> str | None:
    if key == "benchmark_filename" and model in SPECS:
        return None  # refused whatever it is
    return problem_of(model, key, value)


def _checks_of(model: str) -> Iterator[CrossCheck]:
    """List the checks of several keys together: of all models, of a model's components, its own."""
    yield from _CROSS_CHECKS
    spec = SPECS.get(model)
    if spec is None and model in known_models():
        yield HEADS_DIVIDE
    elif spec:
        yield ("deliver", "scratch_control", *(spec.scratch or ())), _what_is_delivered_is_trained
        yield from spec.settings.cross_checks()
        yield from spec.checks


def _preset_is_there(effective: Mapping[str, Any]) -> Iterator[str]:
    if effective["model"] in known_models():
        yield from preset_problems(effective["model"], effective["preset"])


def _valid_metric_is_measured(effective: Mapping[str, Any]) -> Iterator[str]:
    names = measured(effective["metrics"], effective["topk"])
    if effective["valid_metric"].lower() not in [name.lower() for name in names]:
        yield f"{shown('valid_metric', effective['valid_metric'])}: must be one of {', '.join(names)}"


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


def _some_users_can_be_left_out(effective: Mapping[str, Any]) -> Iterator[str]:
    does = {"train_users": "train on some of the users", "known_users": "leave some of the users unknown"}
    for key, what in does.items():
        if effective[key] < 1 and not _reads_sequences(effective):
            yield f"--{key}={effective[key]}: {effective['model']} cannot {what}; leave it out"


def _reads_sequences(effective: Mapping[str, Any]) -> bool:
    """Whether a model reads whole sequences; true of models that are none."""
    model = effective["model"]
    if model in known_models() and effective["benchmark_filename"]:
        return False
    return model not in known_models() or model in SPECS or model in sequential_models() - models_with_own_dataset()


def _time_can_split(effective: Mapping[str, Any]) -> Iterator[str]:
    by_time = points_of(effective) is not None
    if by_time and not _has_exact_times(effective):
        yield f"--eval_args: {_why_no_times(effective)} cannot be split by time; write {{LS: valid_and_test}}"
    if effective["requests_per_user"] and not by_time:
        yield (
            f"--requests_per_user={effective['requests_per_user']}: is for a split by time; leave it out, or write "
            "--eval_args={split: {time: [0.8,0.9]}, order: TO, mode: full}"
        )


def _candidates_can_be_known(effective: Mapping[str, Any]) -> Iterator[str]:
    if not effective["known_items"]:
        return
    if not _has_exact_times(effective):
        yield f"--known_items=True: {_why_no_times(effective)} have no times of requests; leave it out"
    mode = effective["eval_args"].get("mode")
    if any(each not in (None, "full") for each in (mode.values() if isinstance(mode, Mapping) else [mode])):
        yield f"--known_items=True: is for full ranking; leave it out, or write mode: full instead of {mode}"


def _has_exact_times(effective: Mapping[str, Any]) -> bool:
    """Whether a model's rows know when they were, as those of whole sequences and of RecBole's ``Dataset`` do."""
    model = effective["model"]
    if effective["benchmark_filename"]:
        return _reads_sequences(effective)
    return _reads_sequences(effective) or model not in sequential_models() | models_with_own_dataset()


def _why_no_times(effective: Mapping[str, Any]) -> str:
    split_already = effective["benchmark_filename"]
    return "files that are split already" if split_already else f"RecBole's own rows for {effective['model']}"


def _what_is_delivered_is_trained(effective: Mapping[str, Any]) -> Iterator[str]:
    asked, model = effective["deliver"], effective["model"]
    if asked == "auto" or SPECS[model].scratch is None:
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
        if why := why_not_written(Path(folder).absolute()):
            yield f"{folder}: cannot be written, {why}; run the command in another folder"


def _pickles_are_allowed(effective: Mapping[str, Any]) -> Iterator[str]:
    for key in ("dataset_save_path", "dataloaders_save_path"):
        if effective[key] and not effective["allow_pickle"]:
            yield f"--{key}={effective[key]}: is a pickle, which can run code; leave it out, or allow_pickle"


def _run_can_be_resumed(effective: Mapping[str, Any]) -> Iterator[str]:
    file = effective["resume"]
    if file == "auto":
        return
    if file and effective["model"] not in SPECS:
        yield f"--resume={file}: {effective['model']} cannot go on from a checkpoint; leave it out"
    elif file:
        from recbole_metarec.configuration.checkpoints import check_origin
        from recbole_metarec.training.checkpoint import load

        try:
            check_origin(Path(file), load(Path(file)), effective)
        except UserError as error:
            yield from (f"--resume={problem}" for problem in error.problems)


def _run_can_begin_from_it(effective: Mapping[str, Any]) -> Iterator[str]:
    file, model = effective["init_from"], effective["model"]
    if not file:
        return
    if model not in SPECS or SPECS[model].item_table is None:
        yield f"--init_from={file}: {model} cannot begin from a checkpoint; leave it out"
    else:
        from recbole_metarec.configuration.checkpoints import load_beginning

        try:
            load_beginning(file, model)
        except UserError as error:
            yield from (f"--init_from={problem}" for problem in error.problems)


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


_CROSS_CHECKS: list[CrossCheck] = [
    (("preset",), _preset_is_there),
    (("metrics", "topk", "valid_metric"), _valid_metric_is_measured),
    (("log_wandb",), _packages_are_there),
    (("train_users", "known_users", "benchmark_filename"), _some_users_can_be_left_out),
    (("eval_args", "requests_per_user", "benchmark_filename"), _time_can_split),
    (("eval_args", "known_items", "benchmark_filename"), _candidates_can_be_known),
    ((*KEY_FIELDS, "ITEM_LIST_LENGTH_FIELD", "LIST_SUFFIX", "NEG_PREFIX"), _columns_differ),
    (("alias_of_user_id", "alias_of_item_id"), _aliases_differ),
    (("normalize_field", "normalize_all"), _floats_are_normalized_once),
    (("discretization", "numerical_features"), _buckets_are_of_numbers),
    (("transform",), _transform_is_described),
    (("train_neg_sample_args",), _negatives_have_candidates),
    (("result_file", "checkpoint_dir", "feature_cache"), _files_can_be_written),
    (("allow_pickle", "dataset_save_path", "dataloaders_save_path"), _pickles_are_allowed),
    (("resume", "dataset", "source_datasets", "init_from"), _run_can_be_resumed),
    (("init_from",), _run_can_begin_from_it),
]
