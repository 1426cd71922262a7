"""What each setting may be."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from recbole.evaluator import metric_types
from recbole.evaluator.register import metrics_dict
from recbole.utils import EvaluatorType

from recbole_metarec.nn.backbone import BACKBONES

Rule = Callable[[Any], str | None]
"""Says what a value must be if it is not."""

MOST_SEED = 2**32 - 1
"""The largest seed that numpy takes."""

# -- combinators ------------------------------------------------------------------------------------------------------


def must(be: str, good: Callable[[Any], object]) -> Rule:
    """Return the rule of what a predicate is true of, in words ``be``."""
    return lambda value: None if good(value) else f"must be {be}"


def _fits(rule: Rule) -> Callable[[Any], bool]:
    return lambda value: rule(value) is None


def optional(rule: Rule, *others: Any) -> Rule:
    """Return a rule that also allows nothing, or what ``others`` are."""
    allowed = others or (None,)
    words = " or ".join("~" if other is None else str(other) for other in allowed)

    def wider(value: Any) -> str | None:
        if any(type(value) is type(other) and value == other for other in allowed):
            return None
        wrong = rule(value)
        return wrong and f"{wrong}, or {words}"

    return wider


def _number(kind: str, low: float, high: float, largest: float, open_low: bool) -> Rule:
    types = (int,) if kind == "whole number" else (int, float)
    above = f"above {low}" if open_low else f"{low} or more"
    span = above if high == largest else f"{above} and {high} at most"

    def rule(value: Any) -> str | None:
        good = isinstance(value, types) and not isinstance(value, bool)
        if good and low <= value <= high and not (open_low and value == low):
            return None
        return f"must be a {kind}, {span}" if low > -largest else f"must be a {kind}"

    return rule


def whole(low: int, high: int = sys.maxsize) -> Rule:
    """Return the rule of a whole number of ``low`` or more, and ``high`` at most."""
    return _number("whole number", low, high, sys.maxsize, False)


def number(low: float, high: float = sys.float_info.max, above: bool = False) -> Rule:
    """Return the rule of a finite number in ``[low, high]``, or in ``(low, high]`` if ``above``."""
    return _number("number", low, high, sys.float_info.max, above)


def choice(*names: str) -> Rule:
    """Return the rule of one of several names."""
    return must(f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names)


def some_of(*names: str) -> Rule:
    """Return the rule of a list of some of several names, each once, however they are cased."""

    def good(value: Any) -> bool:
        found = [name.lower() if isinstance(name, str) else name for name in listed(value)]
        return bool(found) and all(name in names for name in found) and len({*found}) == len(found)

    return lambda value: None if good(value) else f"must list some of {', '.join(names)}"


def each(rule: Rule, example: str, fewest: int = 0) -> Rule:
    """Return the rule of a list of ``fewest`` or more values that all follow a rule."""

    def good(value: Any) -> bool:
        return isinstance(value, (list, tuple)) and len(value) >= fewest and all(map(_fits(rule), value))

    return must(f"a list of {example}", good)


def mapping(keys: Rule, values: Rule, example: str, entries: Callable[[int], bool] = bool) -> Rule:
    """Return the rule of a mapping whose keys and values follow a rule each, and whose number of entries is right."""

    def good(value: Any) -> bool:
        return (
            isinstance(value, Mapping)
            and entries(len(value))
            and all(keys(key) is None and values(entry) is None for key, entry in value.items())
        )

    return must(f"a mapping as in {example}", good)


def record(example: str, needed: Mapping[str, Rule] | None = None, **fields: Rule) -> Rule:
    """Return the rule of a mapping with known keys; those that are ``needed`` must be there."""
    rules = {**fields, **(needed or {})}

    def good(value: Any) -> bool:
        known = isinstance(value, Mapping) and value.keys() <= rules.keys() and {*(needed or ())} <= value.keys()
        return known and all(rules[key](entry) is None for key, entry in value.items())

    return must(f"a mapping as in {example}", good)


def listed(value: Any) -> list[Any]:
    """Return the values of a list, or a value that stands alone as a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


# -- plain kinds ------------------------------------------------------------------------------------------------------


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value == value.strip() and value.isprintable()


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _is_path(value: Any) -> bool:
    """Whether the system can look a path up at all: no part of it is longer than a name may be."""
    if not _is_place(value):
        return False
    return len(os.fsencode(value)) < 4096 and all(len(os.fsencode(part)) < 256 for part in value.split("/"))


def _is_dataset(value: Any) -> bool:
    # RecBole's log file has the name of the dataset and some 60 characters more
    plain = _is_word(value) and len(os.fsencode(value)) <= 160 and value not in (".", "..")
    return plain and not set(value) & set('/\\*?[]"<>|')


def _is_separator(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 1 and value not in '"\n\r\0'


def _is_encoding(value: Any) -> bool:
    try:
        return isinstance(value, str) and "".encode(value) == b"" and codecs.lookup(value).name != "utf-8-sig"
    except (LookupError, ValueError):
        return False


_POINT = r"\s*([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|inf))\s*"
_INTERVAL = re.compile(rf"\s*[\[(]{_POINT},{_POINT}[\])]\s*", re.IGNORECASE)


def is_interval(value: Any) -> bool:
    """Whether RecBole reads a value as an interval, or several; a list of two numbers has its ends."""
    if isinstance(value, (list, tuple)):
        return len(value) == 2 and all(map(_fits(number(-sys.float_info.max)), value)) and value[0] <= value[1]
    found = [_INTERVAL.fullmatch(part) for part in value.split(";")] if isinstance(value, str) else [None]
    return all(match and float(match[1]) <= float(match[2]) for match in found)


switch = must("True or False", lambda value: isinstance(value, bool))
_FEW = whole(1, 1000)  # of what is built or done one by one
_PLAIN = must("text", lambda value: isinstance(value, str))
_WORD = must("a name", _is_word)
_COLUMN = must("the name of a column", _is_word)
_AFFIX = must("text that makes another name of a column", _is_word)
_COLUMNS = each(_COLUMN, "names of columns, as in [rating,price]")
_DATASET = must("the name of a folder in data_path, without / and signs as * or ?", _is_dataset)
_FOLDER = must("the name of a folder", _is_path)
# Whether they can be written is tried.
_FOLDER_TO_WRITE = must("the name of a folder", _is_place)
_FILE_TO_WRITE = optional(must("the name of a file", _is_place))
_FILE = optional(must("the name of a file", _is_path))
_SUFFIX_COLUMNS = mapping(_WORD, optional(_COLUMNS, "*"), "{inter: [user_id, item_id, timestamp]}")
_LEFT_OUT = mapping(_WORD, _COLUMNS, "{inter: [rating]}")
_INTERVALS = optional(must('an interval as in "[5,inf)", or several with semicolons between them', is_interval))


# -- RecBole's --------------------------------------------------------------------------------------------------------

RANKING_METRICS = tuple(sorted(name for name, kind in metric_types.items() if kind == EvaluatorType.RANKING))
"""Metrics, in lower case, that need no labels."""


def metric_names(metric: str, topk: Any) -> list[str]:
    """Name what a metric measures: itself at each of ``topk``, or itself alone if RecBole's class knows no k."""
    settings: dict[str, Any] = defaultdict(lambda: None, topk=topk)
    has_k = "topk" in vars(metrics_dict[metric.lower()](settings))
    return [f"{metric}@{k}" for k in listed(topk)] if has_k else [metric]


def _metrics(value: Any) -> str | None:
    labelled = [str(name) for name in listed(value) if metric_types.get(str(name).lower()) == EvaluatorType.VALUE]
    wrong = some_of(*RANKING_METRICS)(value)
    return f"{wrong}; {', '.join(labelled)} would need labels" if wrong and labelled else wrong


def _topk(value: Any) -> str | None:
    values = listed(value)
    good = values and all(whole(1)(k) is None for k in values)
    return None if good else "must be a whole number of 1 or more, or a list of them, as in [5,10]"


def _shares(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 3 or not all(map(_fits(number(0)), value)):
        return False
    train, _, test = value
    # RecBole divides by the sum: 8, 1, 1 are shares, .5, .1, .1 are more likely a slip
    sums_up = all(isinstance(share, int) for share in value) or abs(sum(value) - 1) < 1e-6
    return train > 0 and test > 0 and sums_up


_THREE_SHARES = must("", _shares)
_SPLIT = record(
    "{LS: valid_and_test}",
    LS=choice("valid_and_test", "test_only"),
    RS=_THREE_SHARES,
    TS=_THREE_SHARES,
)
_MODE = must("", lambda value: isinstance(value, str) and re.fullmatch(r"full|(uni|pop)[1-9]\d{0,5}", value))
_EVAL_PARTS: dict[str, Rule] = {
    "split": must(
        "{LS: valid_and_test}, {LS: test_only}, or RS or TS with three shares that sum up to 1, the first and the last "
        "above 0, as {RS: [0.8,0.1,0.1]}",
        lambda value: _SPLIT(value) is None and len(value) == 1,
    ),
    "order": must("TO", lambda value: value == "TO"),
    "group_by": optional(choice("user", "none")),
    "mode": must(
        "full, or uni or pop with a number, as in uni100; labeled would need labels",
        lambda value: _MODE(value) is None or (record("", valid=_MODE, test=_MODE)(value) is None and value),
    ),
}


def _eval_args(value: Any) -> str | None:
    if not isinstance(value, Mapping) or value.get("order") != "TO":
        return "order must be TO, as in {split: {LS: valid_and_test}, order: TO, mode: full}"
    known = ", ".join(_EVAL_PARTS)
    wrong = [f"{part} is none of {known}" for part in value if part not in _EVAL_PARTS]
    wrong += [f"{part} {found}" for part, rule in _EVAL_PARTS.items() if part in value and (found := rule(value[part]))]
    if not wrong and "LS" not in value.get("split", {"LS": ""}) and _samples(value.get("mode")):
        wrong.append(
            "mode must be full in a split by RS or TS, where a user has several targets; or write {LS: valid_and_test}"
        )
    return "; ".join(wrong) or None


def _samples(mode: Any) -> bool:
    """Whether test targets are ranked among sampled candidates."""
    tested = mode.get("test") if isinstance(mode, Mapping) else mode
    return tested not in (None, "full")


_VALUE = must("", lambda value: _is_word(value) or number(-sys.float_info.max)(value) is None)
_VALUES = must(
    "",
    lambda value: is_interval(value) or each(_VALUE, "", fewest=1)(value) is None,
)
_NEGATIVES = record(
    "{distribution: uniform, sample_num: 1}",
    distribution=optional(choice("uniform", "popularity", "None")),
    sample_num=whole(1),
    alpha=number(0),
    dynamic=switch,
    candidate_num=whole(0),
)
_BUCKETS = must(
    "",
    lambda value: (
        record("", {"method": choice("ED"), "bucket": whole(1)})(value) is None
        or record("", {"method": choice("LD")})(value) is None
    ),
)
_CLIP = record("{max_norm: 5.0}", {"max_norm": number(0, above=True)}, norm_type=optional(number(0, above=True), "inf"))

_RECBOLE: dict[str, Rule] = {
    "gpu_id": must(
        "numbers of GPUs as in 0,1, or empty for none",
        lambda value: (
            whole(-1)(value) is None
            or (isinstance(value, str) and re.fullmatch(r"-?\d*|\d+(,\d+)+|((GPU|MIG)-[\w/-]+,?)+", value))
        ),
    ),
    "use_gpu": switch,
    "worker": whole(0),
    "seed": whole(0, MOST_SEED),
    "state": optional(
        must(
            "one of INFO, DEBUG, WARNING, ERROR, CRITICAL",
            lambda value: isinstance(value, str) and value.lower() in ("info", "debug", "warning", "error", "critical"),
        )
    ),
    "reproducibility": switch,
    "data_path": _FOLDER,
    "checkpoint_dir": _FOLDER_TO_WRITE,
    "show_progress": switch,
    "save_dataset": switch,
    "dataset_save_path": _FILE,
    "save_dataloaders": switch,
    "dataloaders_save_path": _FILE,
    "log_wandb": switch,
    "wandb_project": _WORD,
    "shuffle": switch,
    "encoding": optional(must("the name of a text encoding, as utf-8 or gbk", _is_encoding)),
    # training
    "epochs": whole(1),
    "train_batch_size": whole(1),
    "eval_step": whole(1),
    "stopping_step": whole(0),
    "learning_rate": number(0, above=True),
    "weight_decay": number(0),
    "learner": choice("adam", "adamw", "sgd", "adagrad", "rmsprop"),
    "clip_grad_norm": optional(_CLIP),
    "loss_decimal_place": whole(0, 100),
    "require_pow": switch,
    "enable_amp": switch,
    "enable_scaler": switch,
    "transform": optional(choice("mask_itemseq", "inverse_itemseq", "crop_itemseq", "reorder_itemseq")),
    "train_neg_sample_args": optional(_NEGATIVES),
    # evaluation
    "eval_args": _eval_args,
    "repeatable": switch,
    "metrics": _metrics,
    "topk": _topk,
    "valid_metric": _WORD,
    "valid_metric_bigger": switch,
    "eval_batch_size": whole(1),
    "metric_decimal_place": whole(1, 100),
    "tail_ratio": optional(number(0, above=True)),
    # files and columns
    "field_separator": must("one character between columns, that is no quotation mark", _is_separator),
    "seq_separator": must("text between the entries of a sequence", lambda value: isinstance(value, str) and value),
    "seq_len": optional(mapping(_COLUMN, whole(1), "{title: 20}")),
    "threshold": optional(mapping(_COLUMN, number(-sys.float_info.max), "{rating: 4}", lambda n: n == 1)),
    "numerical_features": _COLUMNS,
    "load_col": optional(_SUFFIX_COLUMNS),
    "unload_col": optional(_LEFT_OUT),
    "unused_col": optional(_LEFT_OUT),
    "additional_feat_suffix": optional(
        must("a list of endings of files, as in [ent]", lambda value: all(map(_is_word, listed(value))))
    ),
    "rm_dup_inter": optional(choice("first", "last")),
    "val_interval": optional(mapping(_COLUMN, _VALUES, '{rating: "[3,inf)"}, or {brand: [a, b]} for tokens')),
    "filter_inter_by_user_or_item": switch,
    "user_inter_num_interval": _INTERVALS,
    "item_inter_num_interval": _INTERVALS,
    "entity_kg_num_interval": _INTERVALS,
    "relation_kg_num_interval": _INTERVALS,
    "kg_reverse_r": switch,
    **{f"alias_of_{kind}_id": optional(_COLUMNS) for kind in ("user", "item", "entity", "relation")},
    "preload_weight": optional(mapping(_COLUMN, _COLUMN, "{ent_id: ent_emb}")),
    "normalize_field": optional(_COLUMNS),
    "normalize_all": optional(switch),
    "discretization": optional(mapping(_COLUMN, _BUCKETS, "{price: {method: ED, bucket: 10}}, or with {method: LD}")),
    "benchmark_filename": optional(
        must(
            "the three names between NAME and .inter, as in [train,valid,test]",
            lambda value: each(_WORD, "")(value) is None and len(value) == len({*value}) == 3,
        )
    ),
    "MAX_ITEM_LIST_LENGTH": whole(1, 10_000),
    **{f"{name}_FIELD": _COLUMN for name in ("USER_ID", "ITEM_ID", "RATING", "TIME", "LABEL", "POSITION")},
    **{f"{name}_FIELD": _COLUMN for name in ("HEAD_ENTITY_ID", "TAIL_ENTITY_ID", "RELATION_ID", "ENTITY_ID")},
    "ITEM_LIST_LENGTH_FIELD": _COLUMN,
    "LIST_SUFFIX": _AFFIX,
    "NEG_PREFIX": _AFFIX,
}

# -- properties/ ------------------------------------------------------------------------------------------------------

REPORTS = (".html", ".md", ".json")
"""Endings of files that a comparison is written to."""


def _reports(value: Any) -> str | None:
    return None if all(map(_is_place, listed(value))) else f"must list names of {', '.join(REPORTS)} files"


_NAMES = "names, as in [title,brand]"
_ENCODERS = ("torchvision", "timm", "open_clip")

RULES: dict[str, Rule] = {
    **_RECBOLE,
    "dataset": _DATASET,
    "source_datasets": optional(each(_DATASET, "names of folders in data_path, as in [baby,beauty]")),
    "mask_history": switch,
    "train_users": number(0, 1, above=True),
    "scratch_control": switch,
    "deliver": choice("auto", "transfer", "scratch", "ensemble"),
    "result_file": _FILE_TO_WRITE,
    "resume": _FILE,
    "allow_pickle": switch,
    "seeds": whole(1, 10_000),
    "reference": optional(_WORD),
    "comparison_folder": _FOLDER_TO_WRITE,
    "report": optional(_reports),
    "leave_one_out": switch,
    "tune": _FILE,
    "trials": whole(1),
    "runs_at_once": whole(1),
    "bootstrap_samples": whole(100, 10**7),
    "memory_weight": optional(number(0), "auto"),
    "memory_reach": whole(1),
    "memory_backward": number(0),
    "memory_decay": number(0, 1, above=True),
    "memory_depth": whole(1),
    "memory_smoothing": number(0, above=True),
    "repeat_items": optional(switch, "auto"),
    "modalities": some_of("text", "image", "price"),
    "n_experts": _FEW,
    "adapter_dropout_prob": number(0, 1),
    "fusion_weight": number(0),
    "text_fields": each(_COLUMN, _NAMES, fewest=1),
    "text_encoder": _WORD,
    "text_size": whole(1),
    "text_vectors": _WORD,
    "price_field": optional(_COLUMN),
    "image_field": optional(_COLUMN),
    "image_encoder": must(
        f"vectors or one of {', '.join(_ENCODERS)} with a model, as in torchvision:resnet18",
        lambda value: isinstance(value, str) and re.fullmatch(rf"vectors|({'|'.join(_ENCODERS)}):\S+", value),
    ),
    "image_weights": _FILE,
    "image_folder": optional(_FOLDER),
    "image_vectors": _WORD,
    "max_bad_features": number(0, 1),
    "feature_batch_size": whole(1),
    "feature_cache": _FOLDER_TO_WRITE,
}

_NO_TRANSFORM = must("~, since models of this package draw their windows themselves", lambda value: value is None)
_BACKBONE: dict[str, Rule] = {
    "transform": _NO_TRANSFORM,
    "benchmark_filename": lambda value: None,  # refused whatever it is
    "backbone": choice(*BACKBONES),
    "positions": choice("end", "start"),
    "hidden_size": whole(1),
    "n_layers": _FEW,
    "n_heads": whole(1),
    "inner_size": whole(1),
    "hidden_dropout_prob": number(0, 1),
    "attn_dropout_prob": number(0, 1),
    "initializer_range": number(0, above=True),
}
_SOFTMAX: dict[str, Rule] = {
    "softmax": choice("full", "sampled", "auto"),
    "full_softmax_max_items": whole(0),
    "n_negatives": whole(1),
    "negative_power": number(0),
}

MODEL_RULES: dict[str, dict[str, Rule]] = {
    "MetaRec": {
        **_BACKBONE,
        **_SOFTMAX,
        "item_features": switch,
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
        "warmup_epochs": whole(0),
        "meta_epochs": optional(whole(0)),
        "freeze": switch,
        "inner_steps": _FEW,
        "inner_learning_rate": number(0, above=True),
        "learn_inner_rates": switch,
        "inner_rate_learning_rate": number(0, above=True),
        "second_order": switch,
        "sources_per_step": optional(whole(1)),
        "split_target": switch,
        "similarity_scope": choice("global", "tensor"),
        "similarity_smoothing": number(0, 1),
        "temperature": optional(number(0, above=True), float("inf")),
        "source_share": number(0),
    },
    "ANT": {
        **_BACKBONE,
        "transductive": switch,
        "temperature": number(0, above=True),
        **_SOFTMAX,
        "learning_rate_decay": number(0, 1, above=True),
        "embedding_shrinkage": number(0),
        "adapt": choice("relearn", "finetune", "frozen", "scratch"),
        "thaw_after": optional(whole(0)),
        "pretrained": _FILE,
        "pretrain_epochs": whole(1),
        "pretrain_batch_size": whole(1),
        "pretrain_learning_rate_decay": number(0, 1, above=True),
        "contrast_across_domains": switch,
        "image_text_weight": number(0),
    },
}


def _are_counts(value: Any) -> bool:
    return re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", str(value)) is not None


# Settings of RecBole's own models, which its files explain by a default and a comment; the first that matches counts.
_BY_NAME: tuple[tuple[str, Rule], ...] = (
    ("reranker_CAN_NUM", must("a whole number, or several, as in 20,100", _are_counts)),
    (r"margin", number(-1, 1)),
    (r".*(dropout|_prob|_ratio|_cap)", number(0, 1)),
    (r"hidden_act", choice("gelu", "relu", "swish", "tanh", "sigmoid")),
    (r"n_layers|num_layers|block_num|n_iterations|step|steps", _FEW),
    (r".*(_size|_dimension|_dim|_num|n_heads|_layers|n_factors|k_interests|num_clusters)|k|nv|nh", whole(1)),
    (r".*weights?(_\d)?", number(0)),
)


def like(key: str, default: Any, choices: tuple[str, ...] = ()) -> Rule:
    """Return the rule of a setting of RecBole's that only its default and the documented choices explain.

    Parameters
    ----------
    key : str
        Its name.
    default : Any
        Its default.
    choices : tuple of str
        What its documentation lists, if that is of names.

    Returns
    -------
    Rule
    """
    scalar = isinstance(default, (int, float)) and not isinstance(default, bool)
    named = next((rule for pattern, rule in _BY_NAME if re.fullmatch(pattern, key)), None)
    if isinstance(default, list):
        return each(like(key, default[0]) if default else number(-sys.float_info.max), f"values, as in {default}")
    if named and (scalar or isinstance(default, str)) and not choices:
        return named
    if scalar:
        span = whole if isinstance(default, int) else number
        return span(0) if default >= 0 else span(-sys.maxsize)
    if isinstance(default, bool):
        return switch
    return choice(*choices) if choices else optional(_PLAIN)
