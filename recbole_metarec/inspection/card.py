"""The model card of a checkpoint: what it is, what it was measured on, where its limits are, how to load it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recbole_metarec.evaluation.wording import percent, size, spell
from recbole_metarec.models import SPECS

_FRONT = """---
license: other
library_name: recbole-metarec
pipeline_tag: other
tags:
- recommendation
- sequential-recommendation
- recbole
---
"""


def title_of(state: Mapping[str, Any]) -> str:
    """Name a checkpoint's model and, where it has some, its preset and variant, as in ``MetaRec (paper, scratch)``."""
    config, variant = state["config"], state.get("variant")
    if config.get("members"):
        config, variant = config["members"][0], "ensemble"
    return named(config["model"], config.get("preset"), variant)


def named(model: str, preset: str | None, variant: str | None) -> str:
    """Put the name of a model, of its preset and of its variant together, as in ``MetaRec (paper, scratch)``."""
    said = [each for each in (preset, variant) if each not in (None, "transfer")]
    return f"{model} ({', '.join(said)})" if said else model


def card(state: Mapping[str, Any], file: str = "model.safetensors") -> str:
    """Write the model card of a trained model.

    Parameters
    ----------
    state : mapping
        What `recbole_metarec.training.checkpoint.load` returned.
    file : str
        Name of the checkpoint, for the lines that load it.

    Returns
    -------
    str
        Markdown, behind the front matter that hubs of models read.
    """
    config, metrics = state["config"], state.get("metrics") or {}
    parts = [
        f"{_FRONT}\n# {title_of(state)} on {config['dataset']}",
        _what(state),
        "## Data\n\n" + _data(state.get("data") or {}),
        "## Numbers\n\n" + "\n\n".join(_numbers(title_of(state), metrics)),
        "## Limits\n\n" + "\n".join(f"- {line}" for line in _limits(state, metrics)),
        "## How to load it\n\n" + _how_to_load(state, file),
    ]
    return "\n\n".join(parts) + "\n"


def _what(state: Mapping[str, Any]) -> str:
    config, sources = state["config"], state.get("source_datasets") or []
    learnt = f" It learnt from {', '.join(sources)}, too." if sources else ""
    preset = config.get("preset")
    settings = f"the preset {preset}, and what was set besides; all settings are" if preset else "all settings are"
    version = f" {state['versions']['recbole_metarec']}" if "versions" in state else ""
    return (
        f"Given the items that somebody had, it ranks the {len(state.get('item_tokens') or ()):,} items of "
        f"{config['dataset']} by how likely they come next.{learnt} Trained with recbole-metarec{version}, "
        f"seed {config['seed']}; {settings} in the checkpoint (`recbole-metarec inspect`)."
    )


def _data(data: Mapping[str, Any]) -> str:
    counts = [f"{data[key]:,} {key}" for key in ("users", "items", "interactions") if data.get(key) is not None]
    rows = [(file, digest[:16]) for files in data.get("files", {}).values() for file, digest in files.items()]
    said = f"The target has {', '.join(counts)}." if counts else "Nothing is known of the target's size."
    return "\n\n".join([said, table(["file", "SHA-256 begins"], rows)]) if rows else said


def _numbers(title: str, metrics: Mapping[str, Any]) -> Iterator[str]:
    if not metrics.get("test"):
        yield "None are in the checkpoint: it was not tested by `recbole-metarec run`."
        return
    protocol, names = metrics["protocol"], list(metrics["test"])
    yield (
        f"Test split ({_split(protocol['split'])}): {size(protocol['n_users'], protocol['n_targets'])}, "
        f"{protocol['said']}, seed {protocol['seed']}. In brackets 95% intervals, users drawn anew."
    )
    found = [{"label": title, **metrics}, *metrics.get("controls", ())]
    rows = [[each["label"], *(_cell(each, name) for name in names)] for each in found]
    yield table(["", *map(spell, names)], rows)
    for name, change in metrics.get("change_over_scratch", {}).items():
        if name.startswith("ndcg@"):
            over = f"{spell(name)} {percent(change['relative'])}, 95% interval {_bounds(change)}"
            yield f"Over the same model from scratch: {over}."


def _cell(found: Mapping[str, Any], name: str) -> str:
    if name not in found["test"]:
        return ""
    low_high = found.get("intervals", {}).get(name)
    return f"{found['test'][name]:.4f}" + (f" ({low_high[0]:.4f} to {low_high[1]:.4f})" if low_high else "")


def _bounds(change: Mapping[str, Any]) -> str:
    return f"{percent(change['low'])} to {percent(change['high'])}"


def _split(split: Mapping[str, Any]) -> str:
    names = {"LS": "leave one out", "RS": "by ratio", "time": "by time"}
    said = (f"{names.get(kind, kind)} {'' if kind == 'LS' else how}".rstrip() for kind, how in split.items())
    return ", ".join(said)


def _limits(state: Mapping[str, Any], metrics: Mapping[str, Any]) -> Iterator[str]:
    change = next((each for name, each in metrics.get("change_over_scratch", {}).items() if "ndcg@" in name), None)
    sources, began = state.get("source_datasets"), state["config"].get("init_from")
    taught = "the sources help" if sources else "the checkpoint helps from which it began"
    if (sources or began) and change is None:
        yield f"Whether {taught} is not known: no model from scratch was trained beside it."
    elif change is not None and change["low"] <= 0 <= change["high"]:
        yield f"Whether {taught} is not clear: the interval of the change holds 0."
    if metrics:
        yield "One seed was run: the intervals know nothing of how much training itself varies."
    unseen = metrics.get("protocol", {}).get("unseen_targets")
    if unseen:
        yield f"{unseen:.1%} of the test targets nobody had on a day before the request: such items are hardly found."
    if _reads_features(state["config"]):
        yield "Items that nobody had in training are known by their features alone."
    else:
        yield "It has learnt nothing of items that nobody had in training."
    if metrics.get("protocol", {}).get("mode", "full") != "full":
        yield "Sampled candidates: the numbers are no measure of ranking among all items."
    yield "The licence of the data it was trained on may hold for it, too: fill in `license` above."


def _reads_features(config: Mapping[str, Any]) -> bool:
    spec = SPECS.get(config["model"])
    return spec is not None and spec.reads_features({**spec.settings.defaults(), **config})


def _how_to_load(state: Mapping[str, Any], file: str) -> str:
    if state["config"]["model"] not in SPECS:
        lines = [
            "import recbole_metarec",
            "from recbole.quick_start import load_data_and_model",
            f"config, model, dataset, *loaders = load_data_and_model({file!r})",
        ]
    else:
        items = [str(item) for item in (state.get("item_tokens") or [])[:2]]
        lines = ["import recbole_metarec as rm", f"rec = rm.load({file!r})", f"print(rec.recommend([{items!r}], k=10))"]
    return "\n".join(["```python", *lines, "```"])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out cells as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
