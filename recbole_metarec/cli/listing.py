"""The command that lists what settings may name: models, datasets, metrics, keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from recbole_metarec.errors import UserError, nearest

_METRICS = {
    "Recall": "share of a user's test items that stand among the first k",
    "NDCG": "how high the test items stand in the list: 1 for the first place, 0 if not there",
    "MRR": "1 / the place of the first test item, 0 if not there",
    "Hit": "share of users with a test item among the first k",
    "MAP": "mean over test items of the precision down to each of them",
    "Precision": "share of the first k that are test items",
    "GAUC": "share of other items that stand below a test item, in the whole ranking",
    "ItemCoverage": "share of all items that are recommended to anybody",
    "AveragePopularity": "how many interactions the recommended items have",
    "GiniIndex": "how unevenly recommendations are spread over items: 0 for evenly",
    "ShannonEntropy": "how evenly recommendations are spread over items: more for more evenly",
    "TailPercentage": "share of recommendations that are of rare items",
    "AUC": "needs labels: share of pairs of a positive and a negative that are in order",
    "LogLoss": "needs labels: log loss of the predicted probabilities",
    "MAE": "needs labels: mean absolute error of predicted ratings",
    "RMSE": "needs labels: root of the mean squared error of predicted ratings",
}


@click.command(name="list")
@click.argument("kind", metavar="models|datasets|metrics|keys")
@click.option("--model", help="With keys: list those of this model, too.")
@click.option("--data_path", default="dataset", show_default=True, help="With datasets: the folder of them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(kind: str, model: str | None, data_path: str, as_json: bool) -> int:
    """List what settings may name, one line each."""
    listings: dict[str, Callable[[], Iterator[Row]]] = {
        "models": _models,
        "datasets": lambda: _datasets(Path(data_path)),
        "metrics": lambda: ({"name": name, "what": what} for name, what in _METRICS.items()),
        "keys": lambda: _keys(model or ""),
    }
    if kind not in listings:
        raise UserError([f"list: {kind}: write one of {', '.join(listings)}{nearest(kind, listings)}"])
    rows = [*listings[kind]()]
    if as_json:
        click.echo(json.dumps(rows, indent=1, default=str))
        return 0
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['what']}")
    return 0


Row = dict[str, Any]
"""``name``, ``what`` it is in a line, and for machines what else is known."""


def _models() -> Iterator[Row]:
    from recbole_metarec.configuration.layers import known_models
    from recbole_metarec.configuration.recbole_source import general_models, sequential_models
    from recbole_metarec.models import SPECS, listed_models

    ours = listed_models()
    for name in ours:
        spec = SPECS[name]
        behind = [*spec.every_variant(), *spec.presets]
        labels = f"; also as {', '.join(f'{name}:{each}' for each in behind)}" if behind else ""
        yield {"name": name, "what": f"this package's{labels}", "variants": behind}
    kinds = {"sequential": sequential_models(), "general": general_models()}
    for name in known_models():
        kind = next((kind for kind, names in kinds.items() if name in names), "")
        if name not in ours:
            yield {"name": name, "what": f"RecBole's, {kind}", "kind": kind}


def _datasets(folder: Path) -> Iterator[Row]:
    from recbole_metarec.domains.embedded import EXTENTS

    there = {path.parent.name: path for path in folder.glob("*/*.inter") if path.stem == path.parent.name}
    for name in sorted({*there, *EXTENTS}):
        if name in there:
            size = there[name].stat().st_size
            yield {"name": name, "what": f"{there[name]}, {size:,} bytes", "file": there[name], "bytes": size}
        else:
            yield {"name": name, "what": "a genre of MovieLens-100K, made when it is first used", "file": None}


def _keys(model: str) -> Iterator[Row]:
    from recbole_metarec.configuration.checks import known_keys
    from recbole_metarec.configuration.layers import known_models, resolve
    from recbole_metarec.configuration.rules import rule_of, settings_of
    from recbole_metarec.settings.kinds import words

    if model and model not in known_models():
        raise UserError([f"--model={model}: no such model{nearest(model, known_models())}"])
    resolved = resolve(model, {})
    helps = {
        key: field.description
        for each in [*settings_of(model)][::-1]
        for key, field in each.model_fields.items()
        if field.description
    }
    for key in sorted(known_keys(resolved)):
        default = resolved.values.get(key)
        rule = rule_of(model, key)
        parts = [f"default: {'~' if default is None else default}", words(rule) if rule else "", helps.get(key, "")]
        yield {
            "name": key,
            "what": "; ".join(filter(None, parts)),
            "default": default,
            "values": parts[1] or None,
            "help": parts[2] or None,
        }
