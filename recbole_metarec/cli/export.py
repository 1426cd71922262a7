"""The command that writes a trained model as files of open formats."""

from __future__ import annotations

from pathlib import Path

import click

from recbole_metarec.export.parts import PARTS

_WHAT = "; ".join(f"{name}: {part.help}" for name, part in PARTS.items())


@click.command()
@click.argument("file", metavar="CHECKPOINT")
@click.argument("folder", metavar="FOLDER")
@click.option("--what", help=f"Parts with commas between them. {_WHAT}. By default all that the model has.")
@click.option("--at", help="Day on which evidence that knows the clock answers, as 2014-07-01. By default today.")
def export(file: str, folder: str, what: str | None, at: str | None) -> int:
    """Write a model as ONNX, parquet and numpy arrays, for services without torch and without this package."""
    from recbole_metarec.export.export import export
    from recbole_metarec.inference.times import seconds_of

    names = None if what is None else [name.strip() for name in what.split(",") if name.strip()]
    time = None if at is None else seconds_of(at, "--at")
    for path, said in export(Path(file), Path(folder), names, time):
        click.echo(f"{path}  {said}")
    return 0
