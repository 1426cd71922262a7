"""What a checkpoint is, as plain values and as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tabulate import tabulate

from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.wording import size, spell
from recbole_metarec.inspection.card import title_of
from recbole_metarec.models import SPECS
from recbole_metarec.settings.shared import SharedSettings


def facts(state: Mapping[str, Any], file: str, file_bytes: int) -> dict[str, Any]:
    """Say what a checkpoint is.

    Parameters
    ----------
    state : mapping
        What `training.checkpoint.load` or `training.outline.outline` returned.
    file : str
        Its name.
    file_bytes : int
        Its size.

    Returns
    -------
    dict
        Plain values.

    Raises
    ------
    UserError
        If it is neither a trained model nor a pre-trained core.
    """
    config = state.get("config")
    if not isinstance(config, dict) or not {"state_dict", "core"} & state.keys():
        raise UserError([f"{file}: is neither a trained model nor a pre-trained core"])
    is_model = "state_dict" in state
    diagnostics = state.get("diagnostics") or {}
    evidence = diagnostics.get("evidence") or {}
    weights = state["state_dict"] if is_model else state["core"]
    return {
        "file": file,
        "kind": "model" if is_model else "core",
        "title": title_of(state) if is_model else "pre-trained core of ANT",
        "dataset": config.get("dataset"),
        "source_datasets": state.get("source_datasets", config.get("source_datasets")) or [],
        "format": state["format"],
        "versions": state.get("versions", {}),
        "settings": differing_settings(config),
        "data": state.get("data", {}),
        "items": len(state["item_tokens"]) if "item_tokens" in state else None,
        "parameters": sum(math.prod(each.shape) for each in weights.values() if hasattr(each, "shape")),
        "bytes": {"file": file_bytes, **bytes_of(state)},
        "epoch": state.get("epoch"),
        "metrics": state.get("metrics"),
        "source_weights": diagnostics.get("source_weights"),
        "evidence_sources": {name: each["pull"] for name, each in evidence.get("sources", {}).items()},
        "codebook": diagnostics.get("codebook"),
    }


def differing_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not at their defaults, of those that this package or its model names."""
    spec = SPECS.get(str(config.get("model", "ANT")))  # cores name none
    defaults = {**SharedSettings.defaults(), **(spec.settings.defaults() if spec else {})}
    own = [key for key in sorted(config) if key in defaults and key not in ("dataset", "source_datasets")]
    return {key: config[key] for key in own if not _is_default(config[key], defaults[key])}


def _is_default(value: Any, default: Any) -> bool:
    """Compare a setting with its default; RecBole adds keys to dicts, and says of each split what is said of all."""
    if isinstance(value, dict) and isinstance(default, dict):
        return all(key in value and _is_default(value[key], each) for key, each in default.items())
    if isinstance(value, dict):
        return bool(value) and all(each == default for each in value.values())
    return bool(value == default)


def bytes_of(state: Mapping[str, Any]) -> dict[str, int]:
    """Count the bytes of a checkpoint's numbers and names by its parts, weights by theirs, largest first.

    What stands in several parts counts in the first.
    """
    seen: set[tuple[int, int]] = set()
    counted: dict[str, int] = {}
    for key, value in state.items():
        parts = value.items() if key == "state_dict" and isinstance(value, dict) else [("", value)]
        for name, part in parts:
            label = f"weights of {str(name).partition('.')[0]}" if key == "state_dict" else key
            counted[label] = counted.get(label, 0) + sum(_sizes(part, seen))
    return dict(sorted(((key, count) for key, count in counted.items() if count), key=lambda pair: -pair[1]))


def _sizes(value: Any, seen: set[tuple[int, int]]) -> Iterator[int]:
    if hasattr(value, "tocsr"):  # a sparse matrix
        rows = value.tocsr()
        yield from _sizes([rows.data, rows.indices, rows.indptr], seen)
    elif hasattr(value, "nbytes"):
        place = value.data_ptr() if hasattr(value, "data_ptr") and not value.is_sparse else id(value)
        if (place, value.nbytes) not in seen:
            seen.add((place, value.nbytes))
            yield value.nbytes
    elif isinstance(value, dict):
        for each in value.values():
            yield from _sizes(each, seen)
    elif isinstance(value, (list, tuple)):
        if value and all(isinstance(each, str) for each in value):
            yield sum(len(each.encode("utf-8", "surrogatepass")) for each in value)
        else:
            for each in value:
                yield from _sizes(each, seen)


def text_of(found: Mapping[str, Any]) -> str:
    """Lay out what `facts` returned.

    Parameters
    ----------
    found : mapping

    Returns
    -------
    str
    """
    parts = [_heading(found), _metrics(found["metrics"]), _data(found), _settings(found["settings"])]
    parts += [_sizes_table(found), _sources(found), _codes(found["codebook"])]
    return "\n\n".join(part for part in parts if part)


def _heading(found: Mapping[str, Any]) -> str:
    target = f" on {found['dataset']}" if found["dataset"] else ""
    sources = f"\nsources: {', '.join(found['source_datasets'])}" if found["source_datasets"] else ""
    written = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['title']}{target}{sources}\n"
        f"{found['file']}: format {found['format']}{', written by ' if written else ''}{written}"
    )


def _metrics(metrics: Mapping[str, Any] | None) -> str:
    if not metrics:
        return "no metrics: it was not tested by a run of this package"
    protocol, bounds = metrics["protocol"], metrics["intervals"]
    rows = [
        [
            spell(name),
            f"{metrics['valid'][name]:.4f}" if name in metrics["valid"] else "",
            f"{value:.4f}",
            "{:.4f} to {:.4f}".format(*bounds[name]) if name in bounds else "",
        ]
        for name, value in metrics["test"].items()
    ]
    tested = f"test split: {size(protocol['n_users'], protocol['n_targets'])}, {protocol['said']}"
    laid_out = tabulate(rows, ["", "validation", "test", "95% interval"], disable_numparse=True)
    return f"{tested}, split {protocol['split']}, seed {protocol['seed']}\n{laid_out}"


def _data(found: Mapping[str, Any]) -> str:
    data = found["data"]
    counts = ", ".join(f"{data[key]:,} {key}" for key in ("users", "items", "interactions") if data.get(key))
    rows = [[file, digest[:16]] for files in data.get("files", {}).values() for file, digest in files.items()]
    files = tabulate(rows, ["file", "SHA-256 begins"], disable_numparse=True) if rows else ""
    return "\n".join(filter(None, [f"data: {counts}" if counts else "", files]))


def _settings(settings: Mapping[str, Any]) -> str:
    rows = [[f"--{key}", _shown(value)] for key, value in settings.items()]
    return tabulate(rows, ["setting", "instead of its default"], disable_numparse=True) if rows else ""


def _shown(value: Any) -> str:
    if value is None:
        return "~"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _sizes_table(found: Mapping[str, Any]) -> str:
    rows = [[part, f"{count:,}"] for part, count in found["bytes"].items()]
    items = "" if found["items"] is None else f"{found['items']:,} items, "
    laid_out = tabulate(rows, ["part", "bytes"], disable_numparse=True, colalign=("left", "right"))
    return f"{items}{found['parameters']:,} parameters\n{laid_out}"


def _sources(found: Mapping[str, Any]) -> str:
    columns = {"weight in training": found["source_weights"], "share in weights of evidence": found["evidence_sources"]}
    columns = {header: weights for header, weights in columns.items() if weights}
    names = dict.fromkeys(name for weights in columns.values() for name in weights)
    rows = [[name, *(weights.get(name) for weights in columns.values())] for name in names]
    return tabulate(rows, ["source", *columns], floatfmt=".3f") if rows else ""


def _codes(usage: Mapping[str, Any] | None) -> str:
    if not usage:
        return ""
    return f"codebooks: {usage['share']:.0%} of the codes in use, perplexity {usage['perplexity']:.0f}"
