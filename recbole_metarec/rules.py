"""What each setting may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from recbole.evaluator.register import metrics_dict

from recbole_metarec.model.backbone import BACKBONES

Rule = Callable[[Any], str | None]
"""Says what a value must be if it is not."""


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


def name_of_folder(value: Any) -> str | None:
    """Check for a string that is not empty."""
    return None if isinstance(value, str) and value else "must be the name of a folder"


def names(value: Any) -> str | None:
    """Check for a list of names."""
    good = isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)
    return None if good or value is None else "must be a list of names, as in [baby,beauty]"


def some_names(value: Any) -> str | None:
    """Check for a list of names that is not empty."""
    return "must be a list of names, as in [title,brand]" if not value else names(value)


def _modalities(value: Any) -> str | None:
    known = ("text", "image", "price")
    good = isinstance(value, (list, tuple)) and value and all(name in known for name in value)
    return None if good and len({*value}) == len(value) else f"must list some of {', '.join(known)}"


def _image_encoder(value: Any) -> str | None:
    packages = ("torchvision", "timm", "open_clip")
    package, colon, model = value.partition(":") if isinstance(value, str) else ("", "", "")
    good = value == "vectors" or (package in packages and colon and model)
    return None if good else f"must be vectors or one of {', '.join(packages)} with a model, as in torchvision:resnet18"


def _topk(value: Any) -> str | None:
    values = value if isinstance(value, (list, tuple)) else [value]
    good = values and all(whole(1)(k) is None for k in values)
    return None if good else "must be a whole number of 1 or more, or a list of them, as in [5,10]"


def _metrics(value: Any) -> str | None:
    values = value if isinstance(value, (list, tuple)) else [value]
    good = values and all(isinstance(name, str) and name.lower() in metrics_dict for name in values)
    return None if good else f"must list some of {', '.join(sorted(metrics_dict))}"


def _clip_grad_norm(value: Any) -> str | None:
    good = value is None or (
        isinstance(value, Mapping)
        and value.keys() <= {"max_norm", "norm_type"}
        and number(0, above=True)(value.get("max_norm")) is None
    )
    return None if good else "must be ~ or a mapping as in {max_norm: 5.0}"


def _eval_args(value: Any) -> str | None:
    good = isinstance(value, Mapping) and value.get("order") == "TO"
    return None if good else "order must be TO, as in {split: {LS: valid_and_test}, order: TO, mode: full}"


def _memory_weight(value: Any) -> str | None:
    return None if value == "auto" or number(0)(value) is None else "must be auto or a number, 0 or more"


def _repeat_items(value: Any) -> str | None:
    return None if isinstance(value, bool) or value == "auto" else "must be True, False or auto"


REPORTS = (".html", ".md", ".json")
"""Endings of files that a comparison is written to."""


def _report(value: Any) -> str | None:
    files = value if isinstance(value, (list, tuple)) else [value]
    good = value is None or all(isinstance(file, str) for file in files)
    return None if good else f"must list names of {', '.join(REPORTS)} files"


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
    "dataset": name_of_folder,
    "data_path": name_of_folder,
    "source_datasets": names,
    "mask_history": switch,
    "train_users": number(0, 1, above=True),
    "scratch_control": switch,
    "deliver": choice("auto", "transfer", "scratch", "ensemble"),
    "result_file": text,
    "resume": text,
    "allow_pickle": switch,
    "seeds": whole(1),
    "reference": text,
    "comparison_folder": name_of_folder,
    "report": _report,
    "leave_one_out": switch,
    "tune": text,
    "trials": whole(1),
    "runs_at_once": whole(1),
    "bootstrap_samples": whole(100),
    "memory_weight": _memory_weight,
    "memory_reach": whole(1),
    "memory_backward": number(0),
    "memory_decay": number(0, 1, above=True),
    "memory_depth": whole(1),
    "memory_smoothing": number(0, above=True),
    "repeat_items": _repeat_items,
    "modalities": _modalities,
    "n_experts": whole(1),
    "adapter_dropout_prob": number(0, 1),
    "fusion_weight": number(0),
    "text_fields": some_names,
    "text_encoder": name_of_folder,
    "text_size": whole(1),
    "text_vectors": name_of_folder,
    "price_field": text,
    "image_field": text,
    "image_encoder": _image_encoder,
    "image_weights": text,
    "image_folder": text,
    "image_vectors": name_of_folder,
    "max_bad_features": number(0, 1),
    "feature_batch_size": whole(1),
    "feature_cache": name_of_folder,
}

_BACKBONE: dict[str, Rule] = {
    "backbone": choice(*BACKBONES),
    "positions": choice("end", "start"),
    "hidden_size": whole(1),
    "n_layers": whole(1),
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
        "meta_epochs": whole(0, optional=True),
        "freeze": switch,
        "clip_grad_norm": _clip_grad_norm,
        "inner_steps": whole(1),
        "inner_learning_rate": number(0, above=True),
        "learn_inner_rates": switch,
        "inner_rate_learning_rate": number(0, above=True),
        "second_order": switch,
        "sources_per_step": whole(1, optional=True),
        "split_target": switch,
        "similarity_scope": choice("global", "tensor"),
        "similarity_smoothing": number(0, 1),
        "temperature": number(0, above=True),
        "source_share": number(0),
    },
    "ANT": {
        **_BACKBONE,
        "transductive": switch,
        "temperature": number(0, above=True),
        **_SOFTMAX,
        "learning_rate_decay": number(0, 1, above=True),
        "clip_grad_norm": _clip_grad_norm,
        "embedding_shrinkage": number(0),
        "adapt": choice("relearn", "finetune", "frozen", "scratch"),
        "thaw_after": whole(0, optional=True),
        "pretrained": text,
        "pretrain_epochs": whole(1),
        "pretrain_batch_size": whole(1),
        "pretrain_learning_rate_decay": number(0, 1, above=True),
        "contrast_across_domains": switch,
        "image_text_weight": number(0),
    },
}
