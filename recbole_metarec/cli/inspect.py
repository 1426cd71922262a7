"""The command that says what a checkpoint is, or what of the environment would go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import click

from recbole_metarec.errors import UserError


@click.command()
@click.argument("file", required=False, metavar="CHECKPOINT")
@click.option("--env", is_flag=True, help="Say what of the environment would go wrong instead, and how to mend it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(file: str | None, env: bool, as_json: bool) -> int:
    """Say what a checkpoint is: settings, data, sizes, metrics, source weights, use of codes, versions.

    With --env the exit status is 1 if something would go wrong.
    """
    if env == (file is not None):
        raise UserError(["inspect: name a checkpoint, as saved/NAME.safetensors, or write --env"])
    return _inspect_environment(as_json) if file is None else _inspect_checkpoint(Path(file), as_json)


def _inspect_checkpoint(path: Path, as_json: bool) -> int:
    from recbole_metarec.inspection.facts import facts, text_of
    from recbole_metarec.training.form import is_tensor_file, named_when_damaged

    if path.is_file() and is_tensor_file(path):
        from recbole_metarec.training.outline import outline as load
    else:
        from recbole_metarec.training.checkpoint import load
    state = load(path)
    with named_when_damaged(path):
        found = facts(state, str(path), path.stat().st_size)
        click.echo(json.dumps(found, indent=2, default=str) if as_json else text_of(found))
    return 0


def _inspect_environment(as_json: bool) -> int:
    from recbole_metarec.inspection.environment import findings, text_of

    found = list(findings())
    click.echo(json.dumps([each._asdict() for each in found], indent=2) if as_json else text_of(found))
    return int(any(each.state == "wrong" for each in found))
